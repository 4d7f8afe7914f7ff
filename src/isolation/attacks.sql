-- Runs the attacks of the setting tenantize.attacks one by one and leaves their outcomes in tenantize.outcomes.
-- Each one is undone: a block with a handler is a subtransaction, and the handler is always reached.
DO $attacks$
DECLARE
  attack jsonb;
  chosen record;
  answer text;
  written bigint;
  outcome jsonb;
  outcomes jsonb := '[]';
BEGIN
  FOR attack IN
    SELECT a.item FROM jsonb_array_elements(current_setting('tenantize.attacks')::jsonb) WITH ORDINALITY AS a (item, nr) ORDER BY a.nr
  LOOP
    answer := NULL;
    written := NULL;
    BEGIN
      FOR chosen IN SELECT s.key AS name, s.value AS text FROM jsonb_each_text(attack -> 'settings') AS s LOOP
        PERFORM set_config(chosen.name, chosen.text, true);
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
        outcome := jsonb_build_object('answer', answer, 'written', written);
      WHEN OTHERS THEN
        outcome := jsonb_build_object('state', SQLSTATE, 'message', SQLERRM);
    END;
    outcomes := outcomes || jsonb_build_array(outcome);
  END LOOP;
  PERFORM set_config('tenantize.outcomes', outcomes::text, true);
END
$attacks$
