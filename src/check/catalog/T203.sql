, asked AS (
  SELECT g.name || ' (' || p.polname || ')' AS object, s.side, g.own, g.col,
    -- Literals may hold anything, also parentheses.
    regexp_replace(s.text, '''([^'']|'''')*''', '''''', 'g') AS text
  FROM guarded AS g
  JOIN policy AS p ON p.polrelid = g.oid
  CROSS JOIN LATERAL (VALUES ('USING', p.reads), ('WITH CHECK', p.writes)) AS s (side, text)
  WHERE g.relrowsecurity AND p.polpermissive AND p.heard AND s.text ~ g.own AND s.text ~ ' OR '
    AND NOT EXISTS (SELECT FROM fence AS f WHERE f.oid = g.oid)
), part AS (
  -- First what AND combines, then each of that by OR.
  SELECT a.*, 0 AS level, 0::bigint AS conjunct
  FROM asked AS a
  UNION ALL
  SELECT p.object, p.side, p.own, p.col, c.text, p.level + 1, CASE p.level WHEN 0 THEN c.nr ELSE p.conjunct END
  FROM part AS p
  CROSS JOIN LATERAL (SELECT CASE p.level WHEN 0 THEN ' AND ' ELSE ' OR ' END) AS word (word)
  CROSS JOIN LATERAL (
    -- Without the word the whole is the only part.
    SELECT l.nr, CASE WHEN max(l.nr) OVER () = 0 THEN p.text ELSE regexp_replace(string_agg(l.letter, '' ORDER BY l.i), '^' || word, '') END AS text
    FROM (
      SELECT i, letter, count(*) FILTER (WHERE depth = 0 AND substr(p.text, i::int + 1, length(word)) = word) OVER (ORDER BY i) AS nr
      FROM (
        SELECT i, letter, sum(CASE letter WHEN '(' THEN 1 WHEN ')' THEN -1 ELSE 0 END) OVER (ORDER BY i) AS depth
        FROM regexp_split_to_table(substr(p.text, 2, length(p.text) - 2), '') WITH ORDINALITY AS t (letter, i)) AS d) AS l
    GROUP BY l.nr) AS c
  WHERE p.level < 2
), arm AS (
  SELECT object, side, col, conjunct AS nr, text, text ~ own AS pins
  FROM part
  WHERE level = 2
)
SELECT object, min(side) || ' lets rows pass without asking for ' || min(col) || ': ' || min(left(btrim(text, '() '), 80)) FILTER (WHERE NOT pins) AS detail
FROM arm
WHERE NOT EXISTS (
  SELECT FROM arm AS good
  WHERE good.object = arm.object AND good.side = arm.side
  GROUP BY good.nr
  HAVING bool_and(good.pins))
GROUP BY object
ORDER BY 1
