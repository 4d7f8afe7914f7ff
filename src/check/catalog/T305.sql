SELECT n.nspname || '.' || f.proname || '(' || pg_get_function_identity_arguments(f.oid) || ')' AS object,
  'it is called leakproof: it sees hidden rows before the policy does' AS detail
FROM pg_catalog.pg_proc AS f
JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
WHERE f.proleakproof AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1
