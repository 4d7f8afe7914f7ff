, above AS (
  SELECT reads.view AS oid
  FROM guarded AS g
  JOIN reads ON reads.relation = g.oid
  UNION
  SELECT reads.view
  FROM above
  JOIN reads ON reads.relation = above.oid
)
SELECT v.name AS object,
  'it holds rows of all tenants; '
    || string_agg(DISTINCT app.rolname || CASE WHEN r.entry = v.name THEN '' ELSE ' by ' || r.entry END, ', ') || ' may read it' AS detail
FROM above
JOIN view AS v ON v.oid = above.oid AND v.relkind = 'm'
JOIN route AS r ON r.oid = v.oid
JOIN app ON app.oid = r.app
GROUP BY 1
ORDER BY 1
