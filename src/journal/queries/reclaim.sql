-- Chunks of a pass ($1 to $4) go back to the queue when the program that claimed them is $5, or no longer holds its
-- advisory lock in the space $6. A program takes that lock before it claims anything, so whoever lacks it is dead.
UPDATE tenantize.fill_chunks AS c
SET state = 'pending', program = NULL, worker = NULL
WHERE c.run_id = $1 AND c.step_id = $2 AND c.relation = $3 AND c.pass = $4 AND c.state = 'claimed'
  AND (c.program = $5 OR c.program NOT IN (
    SELECT l.objid::bigint
    FROM pg_catalog.pg_locks AS l
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = $6 AND l.objsubid = 2
      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())))
