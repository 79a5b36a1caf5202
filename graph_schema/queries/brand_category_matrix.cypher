// How many products each brand has in each category of one level.
// $level (integer) = 1: the level of the categories, 1 at the top
// $limit (integer) = 100: most rows to return
MATCH (c:Category {level: $level})<-[:SUBCATEGORY_OF*0..]-(:Category)<-[:IN_CATEGORY]-(p:Product)-[:HAS_BRAND]->(b:Brand)
RETURN b.id AS brand, c.id AS category, count(DISTINCT p) AS products
ORDER BY products DESC, brand, category
LIMIT $limit
