SELECT g.name AS object, app.rolname || ' may ' || string_agg(c.command, ', ' ORDER BY c.command) AS detail
FROM guarded AS g, app, unnest(ARRAY['REFERENCES', 'TRIGGER', 'TRUNCATE']) AS c (command)
WHERE NOT app.rolsuper AND NOT pg_has_role(app.oid, g.relowner, 'USAGE')
  AND (has_table_privilege(app.oid, g.oid, c.command) OR (c.command = 'REFERENCES' AND has_any_column_privilege(app.oid, g.oid, 'REFERENCES')))
GROUP BY g.name, app.rolname
UNION ALL
SELECT g.name, r.rolname || ' may TRUNCATE'
FROM given, guarded AS g
CROSS JOIN LATERAL aclexplode(g.relacl) AS x
JOIN pg_catalog.pg_roles AS r ON r.oid = x.grantee AND NOT r.rolsuper AND NOT r.rolbypassrls
WHERE x.privilege_type = 'TRUNCATE' AND x.grantee <> g.relowner AND NOT j -> 'trusted' ? r.rolname
  -- Of what the application's roles hold, the rows above speak.
  AND NOT EXISTS (SELECT FROM app WHERE pg_has_role(app.oid, r.oid, 'USAGE'))
ORDER BY 1, 2
