, spoken AS (
  SELECT area.name AS object, 'the policy ' || p.polname AS who, lower(concat_ws(' ', p.reads, p.writes)) AS code
  FROM area
  JOIN policy AS p ON p.polrelid = area.oid
  UNION
  SELECT area.name, 'the policy ' || p.polname || ' asks ' || b.name || '(), which', b.code
  FROM helper AS h
  JOIN area ON area.oid = h.polrelid
  JOIN pg_catalog.pg_policy AS p ON p.oid = h.policy
  JOIN body AS b ON b.oid = h.oid
  -- Who catches what fails, or looks first whether the setting is empty, gives an answer.
  WHERE b.code !~ '\mexception\s+when\M|current_setting\([^()]*\)\s*\)*\s*(=|<>|is\s+(not\s+)?distinct\s+from)\s*'''''
)
SELECT object, who || CASE
    WHEN code ~ 'current_setting\(\s*''[^'']*\.[^'']*''(::text)?\s*(,\s*false\s*)?\)' THEN ' fails when the setting was never made'
    ELSE ' fails when the setting is empty, as a pooled connection leaves it behind' END AS detail
FROM spoken
WHERE code ~ 'current_setting\(\s*''[^'']*\.[^'']*''(::text)?\s*(,\s*false\s*)?\)'
  OR code ~ 'current_setting\(\s*''[^'']*\.[^'']*''(::text)?\s*,\s*true\s*\)\s*\)*\s*::\s*(?!text|varchar|character|name)'
  OR code ~ 'cast\s*\(\s*current_setting\([^()]*\)\s+as\s+(?!text|varchar|character|name)'
ORDER BY 1, 2
