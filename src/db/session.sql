-- A filtered read must be an error, not a silent zero.
SET row_security = off;
-- Nobody who may create functions or operators in the application's schemas can put his between ours and PostgreSQL's.
-- What the operator wrote, and the application's triggers, run under the database's own path: SET LOCAL … TO DEFAULT.
SET search_path = pg_catalog, pg_temp;
-- Questions to the catalog look dear to the planner; compiling one takes a second, answering it some milliseconds.
SET jit = off;
SET standard_conforming_strings = on;
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
SET extra_float_digits = 1;
SET bytea_output = 'hex';
SET TimeZone = 'UTC';
SET client_min_messages = warning;
SET default_transaction_isolation = 'read committed';
SET default_transaction_read_only = off;
-- A step that is done stays done: what comes after it is not written down twice. Stronger settings are kept.
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') = 'off';
-- The connection with the run lock is idle for hours, and a slow step is no runaway.
SET idle_in_transaction_session_timeout = 0;
-- Those that only some versions know.
SELECT set_config(name, '0', false)
FROM pg_catalog.pg_settings
WHERE name IN ('idle_session_timeout', 'transaction_timeout');
-- The server notices within seconds that we were killed, and ends the statement that nobody waits for any more.
SELECT set_config('client_connection_check_interval', '2s', false)
WHERE version() LIKE '%linux%';
-- And within a minute that our machine has gone without a word; a socket of this machine has no need of it.
SET tcp_keepalives_idle = 30;
SET tcp_keepalives_interval = 10;
SET tcp_keepalives_count = 3;
-- Messages that are recognised by their text, in English where the login may ask for it.
SELECT set_config('lc_messages', 'C', false)
WHERE current_setting('is_superuser') = 'on';
-- The questions to the catalog are large and short: to compile one takes longer than to answer all.
SET jit = off;
