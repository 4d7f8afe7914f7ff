SELECT 'PostgreSQL ' || current_setting('server_version') AS object, 'policies have known holes there that ' || floor.release || ' closes' AS detail
FROM given, (VALUES (14, 140019, '14.19'), (15, 150014, '15.14'), (16, 160010, '16.10'), (17, 170006, '17.6')) AS floor (major, number, release)
WHERE floor.major = current_setting('server_version_num')::int / 10000 AND current_setting('server_version_num')::int < floor.number
