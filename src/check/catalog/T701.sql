SELECT g.name AS object, 'the publication ' || p.pubname || ' sends the rows of all tenants' AS detail
FROM guarded AS g
JOIN pg_catalog.pg_class AS c ON c.oid = g.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_publication_tables AS p ON p.schemaname = n.nspname AND p.tablename = c.relname
-- Row filters came with PostgreSQL 15.
WHERE coalesce(to_jsonb(p) ->> 'rowfilter', '') !~ g.pattern
ORDER BY 1, 2
