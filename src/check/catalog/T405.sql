SELECT g.name || ' (' || t.tgname || ')' AS object,
  'its function ' || n.nspname || '.' || p.proname || ' runs as ' || u.rolname || ', whom no policy binds' AS detail
FROM guarded AS g
JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = g.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid AND p.prosecdef
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN unbound AS u ON u.oid = p.proowner
-- Partitions have copies of their table's triggers.
WHERE (to_jsonb(t) ->> 'tgparentid')::oid = 0
ORDER BY 1
