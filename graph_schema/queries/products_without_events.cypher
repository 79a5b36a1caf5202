// Products that no user of the graph has touched: what a model knows of them is the catalogue alone.
// $limit (integer) = 50: most rows to return
MATCH (p:Product)
WHERE NOT EXISTS { (p)<--(:User) }
OPTIONAL MATCH (p)-[:IN_CATEGORY]->(c:Category)
RETURN p.id AS id, p.title AS title, c.id AS category
ORDER BY id, category
LIMIT $limit
