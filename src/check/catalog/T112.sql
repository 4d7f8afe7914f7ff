SELECT DISTINCT quote_ident(nspname) || '.' || quote_ident(relname) AS object,
  'it belongs to ' || pg_get_userbyid(relowner) || ', whose code would run as ' || current_user AS detail
FROM doubtful
ORDER BY 1
