// How deep the category tree is: categories and products at each level, 1 at the top.
MATCH (c:Category)
WITH c, COUNT { (c)<-[:IN_CATEGORY]-(:Product) } AS products
RETURN c.level AS level,
       count(c) AS categories,
       sum(products) AS products,
       sum(CASE WHEN products = 0 THEN 1 ELSE 0 END) AS categories_without_own_products
ORDER BY level
