SELECT count(*) AS waiting FROM pg_catalog.pg_ls_archive_statusdir() AS f WHERE f.name LIKE '%.ready'
