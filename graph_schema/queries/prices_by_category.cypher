// Lowest, mean and highest price of each category with everything below it.
// $level (integer) = 1: of the categories at this level, 1 at the top
// $limit (integer) = 50: most categories to return
MATCH (c:Category {level: $level})<-[:SUBCATEGORY_OF*0..]-(:Category)<-[:IN_CATEGORY]-(p:Product)
WHERE p.price IS NOT NULL
WITH c.id AS category, count(p) AS products, min(p.price) AS lowest, avg(p.price) AS mean, max(p.price) AS highest
RETURN category, products, lowest, round(mean, 2) AS mean, highest
ORDER BY products DESC, category
LIMIT $limit
