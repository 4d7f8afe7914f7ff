-- Who replays our WAL. Without pg_monitor everything but the process is hidden.
SELECT r.pid AS pid,
  coalesce(nullif(r.application_name, ''), 'pid ' || r.pid) AS name,
  r.state IS NULL AS hidden,
  (extract(epoch FROM r.replay_lag) * 1000)::bigint AS lag_ms,
  greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn), 0)::bigint AS behind,
  r.replay_lsn::text AS replayed
FROM pg_catalog.pg_stat_replication AS r
WHERE r.state IS NULL OR r.state IN ('streaming', 'catchup')
ORDER BY 2, 1
