SELECT to_jsonb(n.nspname) AS data
FROM pg_catalog.pg_namespace AS n
ORDER BY n.nspname
