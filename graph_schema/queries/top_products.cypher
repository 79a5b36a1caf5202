// The products with most users for one kind of event. The graph must hold users.
// $event (string) = "PURCHASED": VIEWED, CLICKED, FAVOURITED, CARTED, PURCHASED or REVIEWED
// $limit (integer) = 20: most rows to return
MATCH (u:User)-[e]->(p:Product)
WHERE type(e) = $event
RETURN p.id AS id, p.title AS title, count(DISTINCT u) AS users, sum(e.count) AS events
ORDER BY users DESC, events DESC, id
LIMIT $limit
