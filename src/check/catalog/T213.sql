, fold AS (
  -- From the innermost parentheses outwards: a sub-select becomes one sign, any other pair becomes a pair of brackets.
  SELECT area.name || ' (' || p.polname || ')' AS object, p.oid, regexp_replace(s.text, '''([^'']|'''')*''', '', 'g') AS text, 0 AS round
  FROM area
  JOIN policy AS p ON p.polrelid = area.oid AND p.heard
  CROSS JOIN LATERAL (VALUES (p.reads), (p.writes)) AS s (text)
  WHERE area.relrowsecurity AND s.text IS NOT NULL
  UNION
  SELECT object, oid, regexp_replace(regexp_replace(text, '\( ?SELECT [^()]*\)', '§', 'g'), '\((?! ?SELECT )([^()]*)\)', '‹\1›', 'g'), round + 1
  FROM fold
  WHERE text ~ '\(' AND round < 60
), call AS (
  SELECT s.oid, b.proname AS name, b.nspname AS nsp
  FROM side AS s
  CROSS JOIN LATERAL regexp_matches(s.tree, ':funcid (\d+)', 'g') AS m
  JOIN body AS b ON b.oid = m[1]::oid AND b.provolatile <> 'i'
  UNION
  SELECT p.oid, 'current_setting', 'pg_catalog'
  FROM policy AS p
)
SELECT f.object, 'asked once per row and not once per query: ' || string_agg(DISTINCT CASE WHEN c.nsp = 'pg_catalog' THEN c.name ELSE c.nsp || '.' || c.name END, ', ') AS detail
FROM fold AS f
JOIN call AS c ON c.oid = f.oid
WHERE f.text !~ '\('
  AND f.text ~ ('(^|[^[:alnum:]_"])"?' || regexp_replace(c.name, '(\W)', '\\\1', 'g') || '"?‹')
GROUP BY 1
ORDER BY 1
