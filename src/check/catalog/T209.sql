SELECT name AS object, 'its policies lead back to it by way of ' || ways AS detail
FROM circle
WHERE means = 0
ORDER BY 1
