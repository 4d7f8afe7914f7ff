, setter AS (
  SELECT rel.name, rel.col, k.conname, a.attnum, k.confdeltype, k.confupdtype,
    -- Since PostgreSQL 15 ON DELETE may name the columns that it sets.
    CASE jsonb_typeof(to_jsonb(k) -> 'confdelsetcols') WHEN 'array'
      THEN ARRAY(SELECT c::int2 FROM jsonb_array_elements_text(to_jsonb(k) -> 'confdelsetcols') AS c) ELSE k.conkey END AS cleared
  FROM rel
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = rel.oid AND a.attname = rel.col AND NOT a.attisdropped
  JOIN pg_catalog.pg_constraint AS k ON k.contype = 'f' AND k.conrelid = rel.oid AND k.conparentid = 0 AND a.attnum = ANY (k.conkey)
)
SELECT s.name || ' (' || s.conname || ')' AS object,
  e.event || CASE e.action WHEN 'n' THEN ' SET NULL' ELSE ' SET DEFAULT' END || ' takes ' || s.col || ' along' AS detail
FROM setter AS s
CROSS JOIN LATERAL (VALUES ('ON DELETE', s.confdeltype, s.attnum = ANY (s.cleared)), ('ON UPDATE', s.confupdtype, true)) AS e (event, action, hits)
WHERE e.action IN ('n', 'd') AND e.hits
ORDER BY 1, 2
