// Which attributes the products of a category and below it have: what its pages can be filtered by.
// $category (string): the category's id, its full path
// $limit (integer) = 50: most attributes to return
MATCH (:Category {id: $category})<-[:SUBCATEGORY_OF*0..]-(:Category)<-[:IN_CATEGORY]-(p:Product)
MATCH (p)-[:HAS_ATTRIBUTE]->(a:AttributeValue)
RETURN a.name AS attribute, count(DISTINCT p) AS products, count(DISTINCT a) AS distinct_values
ORDER BY products DESC, attribute
LIMIT $limit
