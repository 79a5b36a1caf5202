// Per label, the nodes that only one product has: they tie no two products together.
MATCH (p:Product)-->(n)
WHERE NOT n:Product
WITH n, count(DISTINCT p) AS products
WITH labels(n)[0] AS label, count(n) AS nodes, sum(CASE WHEN products = 1 THEN 1 ELSE 0 END) AS of_one_product
RETURN label, nodes, of_one_product, round(100.0 * of_one_product / nodes, 1) AS percent
ORDER BY label
