// How many edges there are of each type, between which labels.
MATCH (h)-[r]->(t)
RETURN labels(h)[0] AS head_label, type(r) AS relation, labels(t)[0] AS tail_label, count(r) AS edges
ORDER BY edges DESC, head_label, relation, tail_label
