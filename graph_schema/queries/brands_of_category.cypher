// The brands sold in a category and everything below it, the largest first.
// $category (string): the category's id, its full path
// $limit (integer) = 50: most rows to return
MATCH (:Category {id: $category})<-[:SUBCATEGORY_OF*0..]-(c:Category)<-[:IN_CATEGORY]-(p:Product)-[:HAS_BRAND]->(b:Brand)
RETURN b.id AS brand, count(DISTINCT p) AS products
ORDER BY products DESC, brand
LIMIT $limit
