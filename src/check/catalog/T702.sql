SELECT rel.name AS object, 'the publication ' || string_agg(DISTINCT u.pubname, ', ') || ' sends its updates, and '
  || CASE c.relreplident WHEN 'n' THEN 'its replica identity is NOTHING' WHEN 'i' THEN 'the index of its replica identity is gone' ELSE 'it has no primary key' END AS detail
FROM rel
JOIN pg_catalog.pg_class AS c ON c.oid = rel.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_publication_tables AS p ON p.schemaname = n.nspname
  AND (p.tablename = c.relname OR EXISTS (
    -- Published by the root of its partitions.
    SELECT FROM pg_partition_ancestors(c.oid) AS a (relid)
    JOIN pg_catalog.pg_class AS b ON b.oid = a.relid
    WHERE b.relname = p.tablename AND b.relnamespace = c.relnamespace))
JOIN pg_catalog.pg_publication AS u ON u.pubname = p.pubname AND u.pubupdate
WHERE rel.relkind = 'r'
  AND CASE c.relreplident
    WHEN 'd' THEN NOT EXISTS (SELECT FROM pg_catalog.pg_index AS x WHERE x.indrelid = c.oid AND x.indisprimary)
    WHEN 'i' THEN NOT EXISTS (SELECT FROM pg_catalog.pg_index AS x WHERE x.indrelid = c.oid AND x.indisreplident)
    ELSE c.relreplident = 'n' END
GROUP BY rel.name, c.relreplident
ORDER BY 1
