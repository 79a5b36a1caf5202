// Products that lack a brand, a category or both.
// $limit (integer) = 50: most rows to return
MATCH (p:Product)
WITH p,
     EXISTS { (p)-[:HAS_BRAND]->(:Brand) } AS has_brand,
     EXISTS { (p)-[:IN_CATEGORY]->(:Category) } AS has_category
WHERE NOT (has_brand AND has_category)
RETURN p.id AS id, p.title AS title, has_brand, has_category
ORDER BY id
LIMIT $limit
