// The shortest paths between two products, six steps at most: what ties them together.
// $head (string): item_id of one product
// $tail (string): item_id of the other
// $limit (integer) = 10: most paths to return
MATCH (h:Product {id: $head}), (t:Product {id: $tail})
MATCH path = allShortestPaths((h)-[*..6]-(t))
RETURN length(path) AS steps,
       [n IN nodes(path) | labels(n)[0] + ' ' + n.id] AS nodes,
       [r IN relationships(path) | type(r)] AS relations
ORDER BY nodes
LIMIT $limit
