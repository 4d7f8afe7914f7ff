SELECT name AS object, 'row-level security does not bind the owner ' || pg_get_userbyid(relowner) AS detail
FROM guarded, given
WHERE relrowsecurity AND NOT relforcerowsecurity AND (j ->> 'forced')::boolean
ORDER BY 1
