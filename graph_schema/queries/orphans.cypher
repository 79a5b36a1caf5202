// Nodes without a single edge: no path leads to them and no model learns from them.
// $limit (integer) = 50: most rows to return
MATCH (n)
WHERE NOT (n)--()
RETURN labels(n)[0] AS label, n.id AS id, coalesce(n.title, n.name, n.id) AS name
ORDER BY label, id
LIMIT $limit
