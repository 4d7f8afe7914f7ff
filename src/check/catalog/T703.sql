SELECT rel.name AS object, 'the planner has no statistics on ' || rel.col AS detail
FROM rel
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = rel.oid AND a.attname = rel.col AND NOT a.attisdropped
JOIN pg_catalog.pg_class AS c ON c.oid = rel.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
-- Autovacuum waits for fifty rows, and a table of some pages is read whole anyway.
WHERE rel.relkind = 'r' AND pg_relation_size(rel.oid) > 16 * current_setting('block_size')::int
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_stats AS s
    WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = rel.col)
ORDER BY 1
