// How many products have each relation out of them, in number and in percent, and with how many edges.
MATCH (p:Product)
WITH count(p) AS all_products
MATCH (p:Product)-[r]->(n)
WITH all_products, type(r) AS relation, labels(n)[0] AS to_label, count(DISTINCT p.id) AS products, count(r) AS edges
RETURN relation, to_label, products, round(100.0 * products / all_products, 1) AS percent, edges
ORDER BY relation, to_label
