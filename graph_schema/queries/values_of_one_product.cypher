// Per label, the nodes that only one product points to: they tie no two products together.
MATCH (n)
WHERE NOT n:Product
WITH labels(n)[0] AS label, COUNT { (n)<--(:Product) } AS products
WHERE products > 0
WITH label, count(*) AS nodes, sum(CASE WHEN products = 1 THEN 1 ELSE 0 END) AS of_one_product
RETURN label, nodes, of_one_product, round(100.0 * of_one_product / nodes, 1) AS percent
ORDER BY label
