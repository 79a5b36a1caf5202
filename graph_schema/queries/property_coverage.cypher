// How many nodes of each label have each property, in number and in percent.
MATCH (n)
UNWIND keys(n) AS property
WITH labels(n)[0] AS label, property, count(*) AS filled
WITH label, max(filled) AS nodes, collect({property: property, filled: filled}) AS found  // every node has its id
UNWIND found AS one
RETURN label, one.property AS property, one.filled AS filled, nodes, round(100.0 * one.filled / nodes, 1) AS percent
ORDER BY label, property
