// What a user did, the latest first and what has no time last: events by product and kind. The graph must hold users.
// $user (string): the user's user_id
// $limit (integer) = 50: most rows to return
MATCH (:User {id: $user})-[e]->(p:Product)
WITH e, p, coalesce(e.last_at, -1) AS moment
RETURN CASE WHEN moment < 0 THEN null ELSE toString(datetime({epochSeconds: moment})) END AS last_at,
       type(e) AS event,
       e.count AS count,
       p.id AS id,
       p.title AS title
ORDER BY moment DESC, event, id
LIMIT $limit
