SELECT name AS object, 'a function in its policies reads it again, by way of ' || ways AS detail
FROM circle
WHERE means = 1
ORDER BY 1
