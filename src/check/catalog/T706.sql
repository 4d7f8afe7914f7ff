SELECT rel.name || ' (' || t.tgname || ')' AS object,
  'it is enabled ' || CASE t.tgenabled WHEN 'A' THEN 'ALWAYS' ELSE 'for REPLICA' END || ' and calls ' || t.tgfoid::regprocedure || ' for every filled row' AS detail
FROM rel
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = rel.oid AND a.attname = rel.col AND NOT a.attisdropped
JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = rel.oid AND NOT t.tgisinternal AND t.tgenabled IN ('A', 'R') AND (t.tgtype & 16) = 16
-- UPDATE OF other columns does not fire: the fill sets only the tenant.
WHERE t.tgattr::text = '' OR a.attnum = ANY (t.tgattr::int2[])
ORDER BY 1
