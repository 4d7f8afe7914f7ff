, asked AS (
  SELECT b.*, b.oid IN (SELECT h.oid FROM helper AS h) AS helps,
    b.oid = to_regprocedure('tenancy.current_tenant_id()')
    OR b.oid IN (SELECT h.oid FROM helper AS h WHERE h.direct AND h.polrelid IN (SELECT oid FROM guarded))
    OR b.oid IN (SELECT f.oid FROM filler AS f) AS relied
  FROM body AS b
  WHERE b.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'void'::regtype)
    AND b.code ~ 'current_setting|current_tenant|jwt|auth|\mtenant'
), plain AS (
  SELECT a.oid, a.nspname, a.helps, a.relied, a.name || '(' || pg_get_function_identity_arguments(a.oid) || ')' AS name,
    -- To note it and to raise it again is to fail.
    regexp_replace(a.code, '\mraise\s+(debug|log|info|notice|warning)\M[^;]*;', '', 'g') AS code,
    regexp_replace(a.code, '\mcoalesce\s+\(', 'coalesce(', 'g') AS first
  FROM asked AS a
), bare AS (
  -- Without what stands in brackets, but for those of COALESCE, from inside to outside, and without a COALESCE that ends in nothing.
  SELECT p.*, 0 AS round, p.first AS rest
  FROM plain AS p
  UNION ALL
  SELECT b.oid, b.nspname, b.helps, b.relied, b.name, b.code, b.first, b.round + 1,
    regexp_replace(regexp_replace(b.rest, '(?<!coalesce)\([^()]*\)', ' ', 'g'),
      '\mcoalesce\([^()]*,\s*(null|false|''''|''\{\}'')\s*(::\s*\w+\s*)*\)', ' ', 'g')
  FROM bare AS b
  WHERE b.round < 6
)
SELECT name AS object, CASE
    WHEN code ~ '\mwhen\s+others\s+then(?!\s+(raise\s*(;|exception|sqlstate)|return\s*(null|false)?\s*;))' THEN 'whatever fails in it becomes an answer'
    ELSE 'it falls back to another answer where there is none' END AS detail
FROM given, bare
WHERE round = 6
  AND (((helps OR relied OR j -> 'schemas' ? nspname OR nspname = 'tenancy')
      AND code ~ '\mwhen\s+others\s+then(?!\s+(raise\s*(;|exception|sqlstate)|return\s*(null|false)?\s*;))')
    -- Supabase's auth.jwt() and auth.uid() take the first of two settings: that is no default.
    OR (relied AND rest ~ '\mcoalesce\(' AND name !~ '^auth\.'))
ORDER BY 1
