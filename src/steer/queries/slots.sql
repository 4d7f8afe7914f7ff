-- The replication slot that keeps most WAL.
SELECT s.slot_name::text AS name, s.active AS active, pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint AS bytes
FROM pg_catalog.pg_replication_slots AS s
WHERE s.restart_lsn IS NOT NULL
ORDER BY 3 DESC, 1
LIMIT 1
