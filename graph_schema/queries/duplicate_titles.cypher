// Products that share a title, whatever its case and spaces: likely the same thing twice.
// $limit (integer) = 50: most titles to return
MATCH (p:Product)
WHERE p.title IS NOT NULL
WITH p, split(replace(replace(toLower(p.title), '\t', ' '), '\n', ' '), ' ') AS words
WITH p, reduce(text = '', word IN words | text + CASE WHEN word = '' THEN '' ELSE ' ' + word END) AS spaced
WITH substring(spaced, 1) AS title, p.id AS id
ORDER BY title, id
WITH title, count(*) AS products, collect(id) AS ids
WHERE products > 1 AND title <> ''
RETURN title, products, ids
ORDER BY products DESC, title
LIMIT $limit
