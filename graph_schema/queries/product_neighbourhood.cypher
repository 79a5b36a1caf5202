// Everything one step around a product: what it points to, then what points to it.
// $id (string): the product's item_id
// $limit (integer) = 50: most rows to return
MATCH (p:Product {id: $id})-[r]-(n)
RETURN type(r) AS relation,
       CASE WHEN startNode(r) = p THEN 'out' ELSE 'in' END AS direction,
       labels(n)[0] AS label,
       n.id AS id,
       coalesce(n.title, n.name, n.id) AS name
ORDER BY direction DESC, relation, label, id
LIMIT $limit
