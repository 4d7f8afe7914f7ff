-- Tables whose whole family is vouched for: each part, and what it is a part of.
SELECT quote_ident(p.nspname) || '.' || quote_ident(p.relname) AS object, quote_ident(r.nspname) || '.' || quote_ident(r.relname) AS detail
FROM part AS p
JOIN part AS r ON r.root = p.root AND r.oid = r.root
WHERE p.root NOT IN (SELECT root FROM doubtful)
ORDER BY 2, 1
