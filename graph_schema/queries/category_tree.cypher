// The category tree in its order, with the products of each category itself and of everything below it.
// $limit (integer) = 500: most categories to return
MATCH (c:Category)
OPTIONAL MATCH (c)<-[:SUBCATEGORY_OF*0..]-(:Category)<-[:IN_CATEGORY]-(p:Product)
WITH c, count(DISTINCT p) AS products
RETURN c.id AS category, c.level AS level, COUNT { (c)<-[:IN_CATEGORY]-(:Product) } AS own_products, products
ORDER BY category
LIMIT $limit
