, asked AS (
  SELECT g.name || ' (' || p.polname || ')' AS object, s.side, g.own, g.col,
    -- Literals may hold anything, also parentheses.
    regexp_replace(s.text, '''([^'']|'''')*''', '''''', 'g') AS text
  FROM guarded AS g
  JOIN policy AS p ON p.polrelid = g.oid
  CROSS JOIN LATERAL (VALUES ('USING', p.reads), ('WITH CHECK', p.writes)) AS s (side, text)
  WHERE g.relrowsecurity AND p.polpermissive AND p.heard AND s.text ~ g.own AND s.text ~ ' OR '
    AND NOT EXISTS (SELECT FROM fence AS f WHERE f.oid = g.oid)
), conjunct AS (
  SELECT a.object, a.side, a.own, a.col, c.nr, c.text
  FROM asked AS a
  CROSS JOIN LATERAL (
    -- Without an AND the whole is the only part.
    SELECT l.nr, CASE WHEN max(l.nr) OVER () = 0 THEN a.text ELSE regexp_replace(string_agg(l.letter, '' ORDER BY l.i), '^ AND ', '') END AS text
    FROM (
      SELECT i, letter, count(*) FILTER (WHERE depth = 0 AND substr(a.text, i::int + 1, 5) = ' AND ') OVER (ORDER BY i) AS nr
      FROM (
        SELECT i, letter, sum(CASE letter WHEN '(' THEN 1 WHEN ')' THEN -1 ELSE 0 END) OVER (ORDER BY i) AS depth
        FROM regexp_split_to_table(substr(a.text, 2, length(a.text) - 2), '') WITH ORDINALITY AS t (letter, i)) AS d) AS l
    GROUP BY l.nr) AS c
), arm AS (
  SELECT c.object, c.side, c.col, c.nr, a.nr AS arm, a.text, a.text ~ c.own AS pins
  FROM conjunct AS c
  CROSS JOIN LATERAL (
    SELECT l.nr, string_agg(l.letter, '' ORDER BY l.i) AS text
    FROM (
      SELECT i, letter, count(*) FILTER (WHERE depth = 0 AND substr(c.text, i::int + 1, 4) = ' OR ') OVER (ORDER BY i) AS nr
      FROM (
        SELECT i, letter, sum(CASE letter WHEN '(' THEN 1 WHEN ')' THEN -1 ELSE 0 END) OVER (ORDER BY i) AS depth
        FROM regexp_split_to_table(substr(c.text, 2, length(c.text) - 2), '') WITH ORDINALITY AS t (letter, i)) AS d) AS l
    GROUP BY l.nr) AS a
)
SELECT object, min(side) || ' lets rows pass without asking for ' || min(col) || ': ' || min(left(btrim(regexp_replace(text, '^\s*OR ', ''), '() '), 80)) FILTER (WHERE NOT pins) AS detail
FROM arm
WHERE NOT EXISTS (
  SELECT FROM arm AS good
  WHERE good.object = arm.object AND good.side = arm.side
  GROUP BY good.nr
  HAVING bool_and(good.pins))
GROUP BY object
ORDER BY 1
