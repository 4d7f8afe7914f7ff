-- The journal lives in the schema `tenantize`, which the program creates and puts on the search path before this runs.
-- Updates of steps and chunks touch no indexed column, so they are HOT; the fill factors leave room for them.

CREATE TABLE runs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  plan_id text NOT NULL,
  plan jsonb NOT NULL,
  config_hash text NOT NULL,
  tool_version text NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'stopped', 'failed', 'finished', 'rolling_back', 'rolled_back')),
  epoch int NOT NULL DEFAULT 1,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);
COMMENT ON TABLE runs IS 'Executions of a plan.';
COMMENT ON COLUMN runs.plan IS 'The plan as it is executed; a resume never plans anew.';
COMMENT ON COLUMN runs.config_hash IS 'SHA-256 of the configuration the plan was made from.';
COMMENT ON COLUMN runs.epoch IS 'Counts starts and resumes. A program that finds another number here has lost the run.';
-- At most one run is open.
CREATE UNIQUE INDEX one_open_run ON runs ((true)) WHERE finished_at IS NULL;

CREATE TABLE steps (
  run_id bigint NOT NULL REFERENCES runs ON DELETE CASCADE,
  step_id text NOT NULL,
  position int NOT NULL,
  phase text NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'running', 'done', 'failed', 'undone')),
  attempts int NOT NULL DEFAULT 0,
  rows_done bigint,
  error text,
  started_at timestamptz,
  finished_at timestamptz,
  PRIMARY KEY (run_id, step_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE steps IS 'The steps of a run and how far each has come.';
COMMENT ON COLUMN steps.position IS 'The place in the plan, from 0.';
COMMENT ON COLUMN steps.rows_done IS 'Rows that the step has written; only fills and memberships.';

CREATE TABLE fill_chunks (
  run_id bigint NOT NULL,
  step_id text NOT NULL,
  relation text NOT NULL,
  pass int NOT NULL,
  first_page bigint NOT NULL,
  end_page bigint NOT NULL,
  stripes int NOT NULL,
  stripe int NOT NULL DEFAULT 0,
  next_page bigint NOT NULL,
  rows_done bigint NOT NULL DEFAULT 0,
  state text NOT NULL CHECK (state IN ('pending', 'claimed', 'done')),
  worker text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run_id, step_id, relation, pass, first_page),
  FOREIGN KEY (run_id, step_id) REFERENCES steps ON DELETE CASCADE
) WITH (fillfactor = 50);
COMMENT ON TABLE fill_chunks IS 'Ranges of heap pages that workers claim.';
COMMENT ON COLUMN fill_chunks.pass IS '0 = the fill; from 1 on sweeps for rows that moved meanwhile.';
COMMENT ON COLUMN fill_chunks.stripe IS 'Stripes before this one are committed for every page of the chunk.';
COMMENT ON COLUMN fill_chunks.next_page IS 'In the current stripe, pages before this one are committed.';
COMMENT ON COLUMN fill_chunks.worker IS 'Who claimed it: run epoch and worker number.';

CREATE TABLE backups (
  run_id bigint NOT NULL REFERENCES runs ON DELETE CASCADE,
  relation text NOT NULL,
  copy text NOT NULL,
  copied_columns jsonb NOT NULL,
  rows_copied bigint NOT NULL,
  hash text NOT NULL,
  taken_at timestamptz NOT NULL,
  PRIMARY KEY (run_id, relation)
);
COMMENT ON TABLE backups IS 'Copies with the count and hash of the source at the snapshot.';
COMMENT ON COLUMN backups.hash IS 'Sum of hashtextextended(row as text, 0), a number of many digits: independent of the order of rows.';

CREATE TABLE control (
  run_id bigint PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
  paused boolean NOT NULL DEFAULT false,
  settings jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE control IS 'What the operator asks of a run while it works.';
COMMENT ON COLUMN control.settings IS 'Settings of `tenantize set` by name, as texts; they outlive a restart and win over the command line.';

CREATE TABLE programs (
  run_id bigint NOT NULL REFERENCES runs ON DELETE CASCADE,
  program uuid NOT NULL,
  state jsonb NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (run_id, program)
) WITH (fillfactor = 30);
COMMENT ON TABLE programs IS 'Programs that work on a run, and what each said last about itself.';
COMMENT ON COLUMN programs.seen_at IS 'Told once a second; a program that has been silent for long is gone.';

CREATE TABLE events (
  run_id bigint NOT NULL REFERENCES runs ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  event jsonb NOT NULL,
  PRIMARY KEY (run_id, id)
);
COMMENT ON TABLE events IS 'What happened, for the report: starts, stops, finished steps and phases.';
