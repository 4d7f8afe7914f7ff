-- Every relation whose making runs code of an owner that nothing vouches for. What belongs to an extension is as trusted as that.
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS object, 'it belongs to ' || pg_get_userbyid(c.relowner) AS detail
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND c.relowner <> n.nspowner AND c.relowner NOT IN (SELECT oid FROM known) AND c.relowner NOT IN (SELECT relowner FROM sole)
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1
