// The products of a category and of everything below it, with brand and price.
// $category (string): the category's id, its full path
// $limit (integer) = 50: most rows to return
MATCH (:Category {id: $category})<-[:SUBCATEGORY_OF*0..]-(c:Category)<-[:IN_CATEGORY]-(p:Product)
OPTIONAL MATCH (p)-[:HAS_BRAND]->(b:Brand)
RETURN p.id AS id, p.title AS title, b.id AS brand, p.price AS price, c.id AS category
ORDER BY id, brand, category
LIMIT $limit
