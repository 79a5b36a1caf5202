// The nodes with most edges: hubs that tie everything to everything tell little apart.
// $limit (integer) = 20: most rows to return
MATCH (n)
WITH n, COUNT { (n)--() } AS degree
RETURN labels(n)[0] AS label, n.id AS id, coalesce(n.title, n.name, n.id) AS name, degree
ORDER BY degree DESC, label, id
LIMIT $limit
