, asked AS (
  SELECT b.*, EXISTS (SELECT FROM helper AS h JOIN area ON area.oid = h.polrelid WHERE h.oid = b.oid AND h.direct) AS policies,
    b.oid IN (SELECT f.oid FROM filler AS f) AS defaults
  FROM body AS b
), judged AS (
  SELECT a.name || '(' || pg_get_function_identity_arguments(a.oid) || ')' AS name,
    a.provolatile = 'v' AND (a.policies OR a.code ~ 'current_setting|current_tenant|jwt|auth|\mtenant') AS volatile,
    a.policies AND a.proparallel <> 's' AND (j -> 'schemas' ? a.nspname OR a.nspname = 'tenancy') AS serial,
    a.policies AND a.prosecdef AND NOT a.parsed AND NOT EXISTS (SELECT FROM unnest(a.proconfig) AS c WHERE starts_with(c, 'search_path=')) AS lost,
    a.policies AND a.code ~ '\mwhen\s+others\s+then(?!\s+raise\s*(;|exception|sqlstate))' AS silent
  FROM given, asked AS a
  WHERE a.policies OR a.defaults
)
SELECT name AS object, concat_ws('; ',
    CASE WHEN volatile THEN 'it is volatile: it is asked for each row, and may answer differently' END,
    CASE WHEN serial THEN 'it is not parallel safe: no query over the table runs in parallel' END,
    CASE WHEN lost THEN 'it runs as its owner and looks names up where its caller says' END,
    CASE WHEN silent THEN 'whatever fails in it is hidden' END) AS detail
FROM judged
WHERE volatile OR serial OR lost OR silent
ORDER BY 1
