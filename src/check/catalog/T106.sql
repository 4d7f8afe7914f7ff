SELECT g.name AS object, 'policies of the table above do not hold here, and it has ' ||
  CASE WHEN g.relrowsecurity THEN 'no fence of its own' ELSE 'row-level security off' END AS detail
FROM rel AS g
WHERE g.child AND NOT (g.relrowsecurity AND EXISTS (SELECT FROM fence AS f WHERE f.oid = g.oid))
ORDER BY 1
