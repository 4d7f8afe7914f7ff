, called AS (
  -- Functions with rights of their owner that a role of the application may call, without those of extensions and of tenantize.
  SELECT b.oid, b.name || '(' || pg_get_function_identity_arguments(b.oid) || ')' AS name, b.code, b.proargnames,
    coalesce(b.proargmodes, array_fill('i'::"char", ARRAY[cardinality(b.proargnames)])) AS modes,
    string_agg(app.rolname, ', ' ORDER BY app.rolname) AS roles
  FROM body AS b
  JOIN app ON NOT app.rolsuper AND has_schema_privilege(app.oid, b.nsp, 'USAGE') AND has_function_privilege(app.oid, b.oid, 'EXECUTE')
  WHERE b.prosecdef AND b.proargnames IS NOT NULL AND b.nspname NOT IN ('tenancy', 'tenantize')
    AND b.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  GROUP BY b.oid, b.name, b.code, b.proargnames, b.proargmodes
)
SELECT called.name AS object, roles || ' may call it with any ' || string_agg(a.name, ', ' ORDER BY a.nr) AS detail
FROM given, called
CROSS JOIN LATERAL unnest(proargnames, modes) WITH ORDINALITY AS a (name, mode, nr)
WHERE a.mode IN ('i', 'b', 'v')
  AND (lower(a.name) = lower(j ->> 'column')
    OR a.name ~* '^_?(p_|v_|in_)?(tenant|account|org|organization|organisation|user|customer|company|workspace)(_?(id|key|uuid))?_?$'
    -- Names that only resemble these: where it shows rows of tenants and asks nobody who calls.
    OR ((a.name ~* 'tenant|account|organi[sz]ation|company|workspace|customer|user|member|(^|_)org(_|$)'
        OR (length(j ->> 'column') > 2 AND strpos(lower(a.name), lower(j ->> 'column')) > 0))
      AND called.oid NOT IN (SELECT h.oid FROM helper AS h)
      AND EXISTS (SELECT FROM naming AS n JOIN guarded AS g ON g.oid = n.relation WHERE n.oid = called.oid)
      AND called.code !~ 'current_setting|current_tenant|\mjwt\s*\(|\muid\s*\('))
  -- It compares it with the session's tenant.
  AND NOT called.code ~ ('\m' || regexp_replace(lower(a.name), '(\W)', '\\\1', 'g') || '\M"?\s*(=|<>|is\s+(not\s+)?distinct\s+from)\s*(\(\s*select\s+)?(tenancy\.)?current_tenant_id\s*\(')
GROUP BY called.oid, called.name, roles
ORDER BY 1
