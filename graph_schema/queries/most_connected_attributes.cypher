// The attributes that tie most products together, with their most common value.
// $limit (integer) = 50: most attributes to return
MATCH (a:AttributeValue)
WITH a, COUNT { (a)<-[:HAS_ATTRIBUTE]-(:Product) } AS products
ORDER BY products DESC, a.value
WITH a.name AS attribute, sum(products) AS edges, count(*) AS distinct_values, collect(a.value) AS common, max(products) AS most
RETURN attribute, edges, distinct_values, common[0] AS commonest_value, most AS products_with_it
ORDER BY edges DESC, attribute
LIMIT $limit
