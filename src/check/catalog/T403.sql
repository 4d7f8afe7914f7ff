SELECT n.nspname || '.' || c.relname || ' (' || w.rulename || ')' AS object,
  'on ' || CASE w.ev_type WHEN '2' THEN 'UPDATE' WHEN '3' THEN 'INSERT' WHEN '4' THEN 'DELETE' ELSE 'SELECT' END
    || ' it acts with the rights of ' || u.rolname || ', whom no policy binds' AS detail
FROM given, pg_catalog.pg_rewrite AS w
JOIN pg_catalog.pg_class AS c ON c.oid = w.ev_class AND c.relkind IN ('r', 'p', 'v')
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN unbound AS u ON u.oid = c.relowner
WHERE w.rulename <> '_RETURN' AND w.ev_enabled <> 'D'
  AND pg_get_ruledef(w.oid) !~ ' DO (INSTEAD )?NOTHING;$'
  AND (c.oid IN (SELECT oid FROM guarded)
    OR EXISTS (
      SELECT FROM pg_catalog.pg_depend AS d
      JOIN guarded AS g ON g.oid = d.refobjid
      WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass))
ORDER BY 1
