, open AS (
  SELECT p.polrelid, p.polname, p.polcmd, p.reads, p.writes, g.oid IS NOT NULL AS guarded,
    -- true, 1 = 1, a column that equals itself, a tenant column that only has to be there
    '^\(*(true|([[:alnum:]_"]+) = \2' || coalesce('|' || regexp_replace(quote_ident(g.col), '(\W)', '\\\1', 'g') || ' IS NOT NULL', '') || ')\)*$' AS always
  FROM policy AS p
  LEFT JOIN guarded AS g ON g.oid = p.polrelid
  WHERE p.polpermissive AND p.heard AND NOT EXISTS (SELECT FROM fence AS f WHERE f.oid = p.polrelid)
)
SELECT area.name AS object, 'the policy ' || o.polname || CASE
    WHEN o.reads ~ o.always AND o.writes ~ o.always THEN ' lets everything be read and written'
    WHEN o.reads ~ o.always THEN ' lets everything be read'
    WHEN o.writes IS NULL THEN ' asks nothing of new rows'
    ELSE ' lets everything be written' END AS detail
FROM area
JOIN open AS o ON o.polrelid = area.oid
WHERE area.relrowsecurity
  AND CASE WHEN o.guarded THEN o.reads ~ o.always OR o.writes ~ o.always OR (o.polcmd = 'a' AND o.writes IS NULL)
    -- A table without a tenant: what no policy hides, every tenant reads.
    ELSE NOT area.shared AND o.polcmd IN ('*', 'r') AND o.reads ~ o.always
      AND EXISTS (SELECT FROM app WHERE has_any_column_privilege(app.oid, area.oid, 'SELECT')) END
ORDER BY 1, 2
