// What two products have in common: every node that both point to, or that points to both.
// $head (string): item_id of one product
// $tail (string): item_id of the other
// $limit (integer) = 50: most rows to return
MATCH (:Product {id: $head})-[r]-(n)-[s]-(:Product {id: $tail})
WHERE type(r) = type(s)
RETURN DISTINCT type(r) AS relation, labels(n)[0] AS label, n.id AS id, coalesce(n.title, n.name, n.id) AS name
ORDER BY relation, label, id
LIMIT $limit
