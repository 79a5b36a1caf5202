// How many nodes of each label have how many edges.
MATCH (n)
WITH labels(n)[0] AS label, COUNT { (n)--() } AS degree
RETURN label, degree, count(*) AS nodes
ORDER BY label, degree
