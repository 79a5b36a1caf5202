// The products that share most with one: brand, category, attribute values and any other node they both point to.
// $id (string): the product's item_id
// $limit (integer) = 20: most rows to return
MATCH (p:Product {id: $id})-[r]->(n)<-[s]-(other:Product)
WHERE NOT n:Product AND type(s) = type(r) AND other <> p
WITH other, type(r) AS relation, coalesce(n.value, n.name, n.id) AS name, n.id AS id
ORDER BY relation, id
WITH other, count(*) AS shared, collect(name) AS names
RETURN other.id AS id, other.title AS title, shared, names AS shared_values
ORDER BY shared DESC, id
LIMIT $limit
