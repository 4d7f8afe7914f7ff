SELECT area.name AS object, 'nobody asks its policies: ' || string_agg(p.polname, ', ' ORDER BY p.polname) AS detail
FROM area
JOIN policy AS p ON p.polrelid = area.oid
WHERE NOT area.relrowsecurity
GROUP BY 1
ORDER BY 1
