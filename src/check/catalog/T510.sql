SELECT rel.name AS object, 'new rows get ' || pg_get_expr(d.adbin, d.adrelid) || ', whoever writes them' AS detail
FROM rel
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = rel.oid AND a.attname = rel.col AND NOT a.attisdropped
JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE pg_get_expr(d.adbin, d.adrelid) !~ 'current_tenant_id\(|current_setting\('
ORDER BY 1
