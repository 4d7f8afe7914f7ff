, spoken AS (
  SELECT area.name || ' (' || p.polname || ')' AS object, concat_ws(' ', p.reads, p.writes) AS text
  FROM area
  JOIN policy AS p ON p.polrelid = area.oid
  UNION
  SELECT 'function ' || b.name, b.code
  FROM helper AS h
  JOIN area ON area.oid = h.polrelid
  JOIN body AS b ON b.oid = h.oid
)
SELECT object, 'it trusts ' || string_agg(DISTINCT lower(m[1]), ', ') || ', which the caller writes' AS detail
FROM spoken
CROSS JOIN LATERAL regexp_matches(text, '(user_metadata|raw_user_meta_data|request\.headers?(?:\.[\w-]+)?|request\.cookies?(?:\.[\w-]+)?)', 'gi') AS m
GROUP BY 1
ORDER BY 1
