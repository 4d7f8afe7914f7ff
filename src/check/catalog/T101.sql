SELECT name AS object, 'row-level security is off' AS detail
FROM rel
WHERE NOT child AND NOT relrowsecurity
ORDER BY 1
