// Lowest, mean and highest price of each brand.
// $at_least (integer) = 1: only brands with so many priced products
// $limit (integer) = 50: most brands to return
MATCH (p:Product)-[:HAS_BRAND]->(b:Brand)
WHERE p.price IS NOT NULL
WITH b.id AS brand, count(p) AS products, min(p.price) AS lowest, avg(p.price) AS mean, max(p.price) AS highest
WHERE products >= $at_least
RETURN brand, products, lowest, round(mean, 2) AS mean, highest
ORDER BY products DESC, brand
LIMIT $limit
