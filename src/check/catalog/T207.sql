, words AS (
  SELECT '(current_setting|current_tenant_id|my_tenant_ids|jwt|uid)\([^()]*\)(\)|::[a-z ]+|, ''''::text| AS [[:alnum:]_"]+)*' AS session
), said AS (
  SELECT g.name, g.own, p.polname, s.text, words.session,
    -- A comparison with '' instead of nothing finds no tenant either.
    regexp_replace(s.text, 'COALESCE\((NULLIF\()?[[:alnum:]_."]+\([^()]*\)(, ''''::text\))?, ''''::text\)', '', 'g') AS plain,
    EXISTS (
      SELECT FROM pg_catalog.pg_attribute AS a
      WHERE a.attrelid = g.oid AND a.attname = g.col AND NOT a.attnotnull) AS nullable
  FROM words, guarded AS g
  JOIN policy AS p ON p.polrelid = g.oid
  CROSS JOIN LATERAL (VALUES (p.reads), (p.writes)) AS s (text)
  WHERE g.relrowsecurity AND p.heard AND NOT EXISTS (SELECT FROM fence AS f WHERE f.oid = g.oid)
), tolerant AS (
  SELECT name, polname, CASE
      WHEN plain ~ ('(OR \(*|CASE WHEN \(*|\(+)( SELECT )?' || '([[:alnum:]_]+\()*([[:alnum:]_]+\.)?' || session || ' (IS NULL|= ''''::text)') AND plain ~ ' OR |CASE '
        THEN 'a session without a tenant passes'
      WHEN plain ~ ('COALESCE\(\(*( SELECT )?(NULLIF\()?([[:alnum:]_]+\.)?' || session || ', ') THEN 'a session without a tenant gets another one'
      WHEN nullable AND plain ~ ('(' || own || ').{0,1}IS NULL') AND plain ~ ' OR ' THEN 'a row without a tenant is everybody''s'
      WHEN nullable AND plain ~ 'NOT \(+' AND plain ~ ('(' || own || ').{0,1}IS DISTINCT FROM') THEN 'a session without a tenant sees the rows without one'
    END AS why
  FROM said
)
SELECT DISTINCT name || ' (' || polname || ')' AS object, why AS detail
FROM tolerant
WHERE why IS NOT NULL
ORDER BY 1, 2
