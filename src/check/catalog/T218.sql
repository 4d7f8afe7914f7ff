SELECT name AS object, 'a function that runs as its owner is bound by the policies it helps, by way of ' || ways AS detail
FROM circle
WHERE means = 2
ORDER BY 1
