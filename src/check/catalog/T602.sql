, owned AS (
  SELECT g.name, g.relowner AS owner, 'is or can become the owner of ' AS what FROM guarded AS g
  UNION
  SELECT g.name, n.nspowner, 'may drop, by the owner of the schema, ' FROM guarded AS g
  JOIN pg_catalog.pg_class AS c ON c.oid = g.oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
)
SELECT app.rolname AS object, 'it ' || o.what || string_agg(o.name, ', ' ORDER BY o.name) AS detail
FROM how, app
JOIN owned AS o ON NOT app.rolsuper
WHERE pg_has_role(app.oid, o.owner, 'USAGE') OR pg_has_role(app.oid, o.owner, how.become)
GROUP BY app.rolname, o.what
ORDER BY 1, 2 DESC
