SELECT g.name AS object, 'the policy ' || p.polname || CASE
    WHEN concat(p.reads, ' ', p.writes) ~ 'current_setting\(''[^'']*''::text\)' THEN ' fails when the setting was never made'
    ELSE ' fails when the setting is empty, as a pooled connection leaves it behind' END AS detail
FROM guarded AS g
JOIN policy AS p ON p.polrelid = g.oid
WHERE concat(p.reads, ' ', p.writes) ~ 'current_setting\(''[^'']*''::text(, false)?\)'
  OR concat(p.reads, ' ', p.writes) ~ '\(current_setting\(''[^'']*''::text, true\)\)::(?!text|character)'
ORDER BY 1, 2
