// The pairs of products with most buyers in common. The graph must hold users.
// $at_least (integer) = 2: only pairs with so many common buyers
// $limit (integer) = 20: most pairs to return
MATCH (u:User)-[:PURCHASED]->(p:Product)
WITH u, p
ORDER BY p.id
WITH u, collect(p) AS bought
UNWIND range(0, size(bought) - 2) AS first
UNWIND range(first + 1, size(bought) - 1) AS second
WITH bought[first] AS a, bought[second] AS b, count(*) AS shared_buyers
WHERE shared_buyers >= $at_least
RETURN a.id AS id, a.title AS title, b.id AS other_id, b.title AS other_title, shared_buyers
ORDER BY shared_buyers DESC, id, other_id
LIMIT $limit
