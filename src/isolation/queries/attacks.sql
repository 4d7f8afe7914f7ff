-- Runs the attacks of the setting tenantize.attacks one by one and leaves their outcomes in tenantize.outcomes.
-- Each one is undone: a block with a handler is a subtransaction, and the handler is always reached.
-- After tenantize.until, in seconds since 1970, none is begun.
DO $attacks$
DECLARE
  until numeric := nullif(current_setting('tenantize.until'), '')::numeric;
  attack jsonb;
  step jsonb;
  chosen record;
  stage text;
  answer text;
  written bigint;
  outcome jsonb;
  outcomes jsonb := '[]';
BEGIN
  FOR attack IN
    SELECT a.item FROM jsonb_array_elements(current_setting('tenantize.attacks')::jsonb) WITH ORDINALITY AS a (item, nr) ORDER BY a.nr
  LOOP
    IF extract(epoch FROM clock_timestamp()) > until THEN
      outcomes := outcomes || '[{"stage": "late"}]'::jsonb;
      CONTINUE;
    END IF;
    answer := NULL;
    written := NULL;
    stage := 'before';
    BEGIN
      FOR step IN
        SELECT s.item FROM jsonb_array_elements(attack -> 'before' || jsonb_build_array(attack)) WITH ORDINALITY AS s (item, nr) ORDER BY s.nr
      LOOP
        FOR chosen IN SELECT s.key AS name, s.value AS text FROM jsonb_each_text(step -> 'settings') AS s LOOP
          PERFORM set_config(chosen.name, chosen.text, true);
        END LOOP;
        IF step ? 'asks' THEN
          stage := 'attack';
        ELSE
          EXECUTE step ->> 'sql';
        END IF;
      END LOOP;
      IF (attack ->> 'asks')::boolean THEN
        EXECUTE attack ->> 'sql' INTO answer;
      ELSE
        EXECUTE attack ->> 'sql';
        GET DIAGNOSTICS written = ROW_COUNT;
      END IF;
      RAISE EXCEPTION USING ERRCODE = 'TZ000';
    EXCEPTION
      WHEN SQLSTATE 'TZ000' THEN
        outcome := jsonb_build_object('stage', stage, 'answer', answer, 'written', written);
      WHEN OTHERS THEN
        outcome := jsonb_build_object('stage', stage, 'state', SQLSTATE, 'message', SQLERRM);
    END;
    -- Prepared statements outlive a rollback.
    FOR chosen IN SELECT p.name FROM pg_catalog.pg_prepared_statements AS p WHERE p.name = 'tenantize_plan' LOOP
      EXECUTE 'DEALLOCATE tenantize_plan';
    END LOOP;
    outcomes := outcomes || jsonb_build_array(outcome);
  END LOOP;
  PERFORM set_config('tenantize.outcomes', outcomes::text, true);
END
$attacks$
