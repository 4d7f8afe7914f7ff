SELECT g.name || ' (' || p.polname || ')' AS object, 'it is for ' || string_agg(r.rolname, ', ' ORDER BY r.rolname) || ', and nobody who may use the table is one of them' AS detail
FROM given, guarded AS g
JOIN policy AS p ON p.polrelid = g.oid AND NOT p.heard
CROSS JOIN LATERAL unnest(p.polroles) AS m
JOIN pg_catalog.pg_roles AS r ON r.oid = m
WHERE g.relrowsecurity
  AND NOT EXISTS (
    SELECT FROM unnest(p.polroles) AS x
    JOIN pg_catalog.pg_roles AS t ON t.oid = x
    WHERE t.rolsuper OR j -> 'trusted' ? t.rolname OR has_any_column_privilege(x, g.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(x, g.oid, 'DELETE'))
GROUP BY 1
ORDER BY 1
