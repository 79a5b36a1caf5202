// The products that have one value of an attribute.
// $name (string): the attribute's name, such as colour
// $value (string): its value, such as red
// $limit (integer) = 50: most rows to return
MATCH (a:AttributeValue {name: $name})<-[:HAS_ATTRIBUTE]-(p:Product)
WHERE a.value = $value
RETURN p.id AS id, p.title AS title, p.price AS price
ORDER BY id
LIMIT $limit
