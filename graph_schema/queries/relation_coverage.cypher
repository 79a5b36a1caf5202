// How many products have each relation out of them, in number and in percent, and with how many edges.
MATCH (p:Product)
WITH count(p) AS all_products
MATCH (p:Product)-[r]->(n)
WITH all_products, p, type(r) AS relation, labels(n)[0] AS to_label, count(r) AS edges
WITH all_products, relation, to_label, count(p) AS products, sum(edges) AS edges, max(edges) AS most_edges
RETURN relation, to_label, products, round(100.0 * products / all_products, 1) AS percent, edges, most_edges
ORDER BY relation, to_label
