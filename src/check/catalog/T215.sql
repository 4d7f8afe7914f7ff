, lead AS (
  SELECT x.indrelid, a.attname
  FROM pg_catalog.pg_index AS x
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]
  WHERE x.indisvalid AND x.indpred IS NULL
)
SELECT g.name || ' (' || p.polname || ')' AS object, 'no index leads with ' || string_agg(DISTINCT a.attname, ', ') AS detail
FROM guarded AS g
JOIN policy AS p ON p.polrelid = g.oid AND p.heard
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = g.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> g.col
WHERE g.relrowsecurity AND g.relkind = 'r'
  AND p.reads ~ ('(^|[^[:alnum:]_".])' || regexp_replace(quote_ident(a.attname), '(\W)', '\\\1', 'g') || '\)?(::text)? = ')
  -- An index that leads with the tenant has narrowed it down already.
  AND NOT EXISTS (SELECT FROM lead AS l WHERE l.indrelid = g.oid AND l.attname IN (a.attname, g.col))
GROUP BY 1
ORDER BY 1
