// Products that nothing but their brand ties to the rest.
// $limit (integer) = 50: most rows to return
MATCH (p:Product)-[:HAS_BRAND]->(b:Brand)
WHERE COUNT { (p)--() } = COUNT { (p)-[:HAS_BRAND]->(:Brand) }
RETURN p.id AS id, p.title AS title, b.id AS brand, COUNT { (b)<-[:HAS_BRAND]-(:Product) } AS products_of_brand
ORDER BY id, brand
LIMIT $limit
