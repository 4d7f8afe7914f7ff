, function AS (
  SELECT p.*, b.parsed, f ->> 0 AS name, f ->> 1 AS made, pg_get_function_sqlbody(p.oid) AS now
  FROM given
  CROSS JOIN LATERAL jsonb_array_elements(j -> 'functions') AS f
  JOIN body AS b ON b.oid = to_regprocedure(f ->> 0)
  JOIN pg_catalog.pg_proc AS p ON p.oid = b.oid
), text AS (
  -- PostgreSQL prints a body in words of its own: qualified, with casts, parentheses and names of columns.
  SELECT f.oid, s.whose, regexp_replace(regexp_replace(lower(s.text),
      '\mpg_catalog\.|\m' || regexp_replace(lower(f.proname), '(\W)', '\\\1', 'g') || '\.|::text\M|\mas\s+("[^"]*"|\w+)', '', 'g'), '[\s();"]', '', 'g') AS text
  FROM function AS f
  CROSS JOIN LATERAL (VALUES ('now', f.now), ('made', (regexp_match(f.made, '\s((?:RETURN\s|BEGIN ATOMIC\s).*)$'))[1])) AS s (whose, text)
  WHERE f.parsed
)
SELECT f.name AS object, concat_ws(', ',
  CASE WHEN NOT f.same THEN 'its body is another one than the tool made' END,
  CASE WHEN f.prosecdef <> f.made ~ 'SECURITY DEFINER' THEN CASE WHEN f.prosecdef THEN 'it runs as its owner' ELSE 'it runs as whoever calls it' END END,
  CASE WHEN f.provolatile <> f.class THEN 'its volatility is another one' END,
  CASE WHEN f.settings <> f.own THEN 'its settings are others' END) AS detail
FROM (
  SELECT f.*,
    CASE WHEN f.parsed THEN (SELECT count(DISTINCT t.text) = 1 FROM text AS t WHERE t.oid = f.oid)
      ELSE coalesce(f.prosrc = (regexp_match(f.made, '\sAS\s+(\$\w*\$)(.*)\1'))[2], false) END AS same,
    CASE WHEN f.made ~ '\mIMMUTABLE\M' THEN 'i' WHEN f.made ~ '\mSTABLE\M' THEN 's' ELSE 'v' END AS class,
    coalesce(regexp_replace(lower(array_to_string(f.proconfig, ' ')), '[\s"'']', '', 'g'), '') AS settings,
    coalesce(regexp_replace(lower((regexp_match(f.made, '\sSET (search_path = \w*(?:''''|"")?(?:, \w+)*)'))[1]), '[\s"'']', '', 'g'), '') AS own
  FROM function AS f) AS f
WHERE NOT f.same OR f.prosecdef <> f.made ~ 'SECURITY DEFINER' OR f.provolatile <> f.class OR f.settings <> f.own
ORDER BY 1
