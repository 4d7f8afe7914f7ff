SELECT rel.name AS object, string_agg(app.rolname, ', ' ORDER BY app.rolname) || ' may change ' || rel.col || ', and no fence pins it to one tenant' AS detail
FROM app, rel
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = rel.oid AND a.attname = rel.col AND NOT a.attisdropped
WHERE rel.relrowsecurity AND NOT app.rolsuper
  AND has_column_privilege(app.oid, rel.oid, a.attnum, 'UPDATE')
  -- A fence with ANY lets several tenants pass at once: a row can go from one to another.
  AND rel.oid NOT IN (
    SELECT f.oid
    FROM fence AS f
    JOIN policy AS p ON p.polrelid = f.oid
    WHERE NOT p.polpermissive AND p.polcmd = '*' AND p.polroles = '{0}' AND p.writes !~ ' = ANY ')
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = rel.oid AND t.tgenabled IN ('O', 'A') AND (t.tgtype & 19) = 19
      AND (a.attnum = ANY (t.tgattr::int2[]) OR t.tgfoid = to_regprocedure('tenancy.keep_tenant()')))
GROUP BY rel.name, rel.col
ORDER BY 1
