// What a user's events touch: brands, categories, attribute values and all else that the products point to.
// $user (string): the user's user_id
// $limit (integer) = 50: most rows to return
MATCH (:User {id: $user})-[e]->(p:Product)
WITH p, sum(e.count) AS events
MATCH (p)-[r]->(n)
WHERE NOT n:Product
RETURN labels(n)[0] AS label, n.id AS id, coalesce(n.name, n.id) AS name, count(DISTINCT p) AS products, sum(events) AS events
ORDER BY products DESC, events DESC, label, id
LIMIT $limit
