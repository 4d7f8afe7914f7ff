, definer AS (
  -- Functions with rights of their owner that the application calls, or that run when it writes. PostgreSQL has looked up the names of a
  -- parsed body when it was made.
  SELECT b.oid, b.name || '(' || pg_get_function_identity_arguments(b.oid) || ')' AS name, b.code, string_agg(app.rolname, ', ' ORDER BY app.rolname) AS roles,
    bool_or(has_database_privilege(app.oid, current_database(), 'TEMP')) AS temporary,
    (SELECT btrim(substr(c, 13)) FROM unnest(b.proconfig) AS c WHERE starts_with(c, 'search_path=')) AS path
  FROM body AS b
  JOIN app ON NOT app.rolsuper
  WHERE b.prosecdef AND NOT b.parsed AND b.nspname <> 'tenantize'
    AND CASE WHEN b.prorettype = 'trigger'::regtype THEN EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgfoid = b.oid AND NOT t.tgisinternal
          AND (has_any_column_privilege(app.oid, t.tgrelid, 'INSERT, UPDATE') OR has_table_privilege(app.oid, t.tgrelid, 'DELETE, TRUNCATE')))
      ELSE has_schema_privilege(app.oid, b.nsp, 'USAGE') AND has_function_privilege(app.oid, b.oid, 'EXECUTE') END
  GROUP BY b.oid, b.name, b.code, b.proconfig
), judged AS (
  SELECT d.*,
    (SELECT string_agg(DISTINCT n.nspname, ', ')
      FROM regexp_split_to_table(d.path, '\s*,\s*') AS part
      JOIN pg_catalog.pg_namespace AS n ON n.nspname = btrim(part, ' "'''), app
      WHERE NOT app.rolsuper AND has_schema_privilege(app.oid, n.oid, 'CREATE')) AS writable,
    -- Tables of everybody come first where pg_temp is not named; that matters for names without a schema.
    d.temporary AND d.path !~ '(^|[ ,"])pg_temp"?$' AND (d.code ~ '\mexecute\M' OR EXISTS (
      SELECT
      FROM naming AS n
      JOIN pg_catalog.pg_class AS c ON c.oid = n.relation
      WHERE n.oid = d.oid AND d.code ~ ('(^|[^.\w"])"?' || regexp_replace(lower(c.relname), '(\W)', '\\\1', 'g') || '"?(?![\w."])'))) AS shadowed
  FROM definer AS d
)
SELECT name AS object, 'it runs with rights of its owner' || CASE
    WHEN path IS NULL THEN ' and looks names up where ' || roles || ' says'
    WHEN writable IS NOT NULL THEN ' and looks names up in ' || writable || ', where the application creates'
    ELSE ' and finds a temporary table of ' || roles || ' first: pg_temp is not the last in ' || path END AS detail
FROM judged
WHERE path IS NULL OR writable IS NOT NULL OR shadowed
ORDER BY 1
