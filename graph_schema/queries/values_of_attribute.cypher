// The values of an attribute, the most common first.
// $name (string): the attribute's name, such as colour
// $limit (integer) = 50: most values to return
MATCH (a:AttributeValue {name: $name})
RETURN a.value AS value, COUNT { (a)<-[:HAS_ATTRIBUTE]-(:Product) } AS products
ORDER BY products DESC, value
LIMIT $limit
