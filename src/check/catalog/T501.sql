SELECT rel.name AS object, rel.col || ' may be null' AS detail
FROM rel
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = rel.oid AND a.attname = rel.col AND NOT a.attisdropped
WHERE NOT a.attnotnull
ORDER BY 1
