SELECT 'pg_catalog.' || v.name AS object, 'it shows values of all rows to whoever may read the table: ALTER the view as the release notes of 14.12, 15.7 and 16.3 say' AS detail
FROM given, (VALUES ('pg_stats_ext'), ('pg_stats_ext_exprs')) AS v (name)
WHERE pg_get_viewdef(('pg_catalog.' || v.name)::regclass) !~ 'pg_has_role\(c\.relowner'
ORDER BY 1
