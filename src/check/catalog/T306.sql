, called AS (
  -- Functions of the operator that a role of the application may call, without those of extensions and of tenantize.
  SELECT b.oid, b.name || '(' || pg_get_function_identity_arguments(b.oid) || ')' AS name, b.prosecdef, b.code,
    -- Without what quotes; of a text nothing but its %s matters.
    regexp_replace(regexp_replace(b.code, 'quote_(ident|literal|nullable)\s*\([^()]*\)', '''''', 'g'), '''[^'']*%s[^'']*''', '''%s''', 'g') AS raw,
    string_agg(app.rolname, ', ' ORDER BY app.rolname) AS roles
  FROM body AS b
  JOIN app ON NOT app.rolsuper AND has_schema_privilege(app.oid, b.nsp, 'USAGE') AND has_function_privilege(app.oid, b.oid, 'EXECUTE')
  WHERE b.nspname NOT IN ('tenancy', 'tenantize') AND b.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) AND b.code ~ '\mexecute\M'
  GROUP BY b.oid, b.name, b.prosecdef, b.code
)
SELECT name AS object, roles || ' may call it, and it runs a text that it puts together'
  || CASE WHEN prosecdef THEN ', with rights of its owner' ELSE ' of what it is given' END AS detail
FROM called
WHERE (prosecdef AND code ~ 'format\s*\(|\|\||\mconcat|\mexecute\s+\w+\s*(;|into|using)')
  OR raw ~ '\mexecute\s+(pg_catalog\.)?format\s*\(\s*''%s'''
  OR raw ~ '\mexecute\s+[^;]*\|\|\s*\(?[a-z_$]'
  OR raw ~ '\mexecute\s+(?!format|function|procedure)[a-z_]\w*\s*\|\|'
ORDER BY 1
