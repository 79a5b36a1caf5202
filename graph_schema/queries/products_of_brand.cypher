// The products of a brand, with price and category.
// $brand (string): the brand's id
// $limit (integer) = 50: most rows to return
MATCH (p:Product)-[:HAS_BRAND]->(:Brand {id: $brand})
OPTIONAL MATCH (p)-[:IN_CATEGORY]->(c:Category)
RETURN p.id AS id, p.title AS title, p.price AS price, c.id AS category
ORDER BY id, category
LIMIT $limit
