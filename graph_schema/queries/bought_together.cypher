// What the buyers of a product bought besides, and whether the shop's own ALSO_BOUGHT facts say so too.
// Strength is the buyers of both among the buyers of either, 0 to 1.
// $id (string): the product's item_id
// $limit (integer) = 20: most rows to return
MATCH (p:Product {id: $id})
CALL (p) {
  MATCH (p)<-[:PURCHASED]-(u:User)-[:PURCHASED]->(other:Product)
  RETURN other, u
  UNION
  MATCH (p)-[r]-(other:Product)
  WHERE type(r) = 'ALSO_BOUGHT'
  RETURN other, null AS u
}
WITH p, other, count(u) AS shared
WHERE other <> p
WITH p, other, shared, COUNT { (p)<-[:PURCHASED]-(:User) } AS own, COUNT { (other)<-[:PURCHASED]-(:User) } AS buyers
RETURN other.id AS id,
       other.title AS title,
       shared AS shared_buyers,
       buyers,
       CASE WHEN shared = 0 THEN 0.0 ELSE round(1.0 * shared / (own + buyers - shared), 3) END AS strength,
       EXISTS { (p)-[:ALSO_BOUGHT]-(other) } AS also_bought
ORDER BY shared_buyers DESC, strength DESC, id
LIMIT $limit
