SELECT rel.name AS object, 'new rows get ' || pg_get_expr(d.adbin, d.adrelid) || ', whoever writes them' AS detail
FROM rel
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = rel.oid AND a.attname = rel.col AND NOT a.attisdropped
JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
-- No function is called, so it is the same for everybody; or one that makes up a new value.
WHERE d.adbin::text !~ '\{(FUNCEXPR|SQLVALUEFUNCTION|NEXTVALUEEXPR)' OR pg_get_expr(d.adbin, d.adrelid) ~ '(nextval|gen_random_uuid|uuid_generate_v\w+)\('
ORDER BY 1
