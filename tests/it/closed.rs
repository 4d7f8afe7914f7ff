//! What the tool makes belongs to the tool: nobody reads it, nobody gets into its session.

use crate::support::Scenario;

/// Rights on everything that will be created, as some hosters give them to roles that the whole world uses.
const GIVEN_AWAY: &str = "
    CREATE ROLE {app} LOGIN; CREATE ROLE {reader};
    ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {app}, {reader}, PUBLIC;
    ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO {app}, PUBLIC;
    ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO {app};
    ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO {app}, PUBLIC;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO {app}, PUBLIC;
";

/// Relations that hold what no application may see, with who may do something there.
const OPEN: &str = "
    SELECT c.oid::regclass || ' ' || r.rolname
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace, pg_roles AS r
    WHERE n.nspname IN ('tenantize', 'tenantize_backup') AND c.relkind IN ('r', 'p', 'v', 'm')
      AND r.rolname IN ('{app}', '{reader}')
      AND has_schema_privilege(r.oid, n.oid, 'USAGE, CREATE')
      AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
    ORDER BY 1";

/// Rows of the registry and the memberships that the application reaches.
const NEW: &str = "SELECT count(*) FROM {table}";

/// Schemas of the tool in which somebody may do something; the application may look names up in the one that stays.
const SCHEMAS: &str = "
    SELECT n.nspname || ' ' || r.rolname
    FROM pg_namespace AS n, pg_roles AS r
    WHERE n.nspname IN ('tenantize', 'tenantize_backup', 'tenancy') AND r.rolname IN ('{app}', '{reader}')
      AND (has_schema_privilege(r.oid, n.oid, 'CREATE') OR n.nspname <> 'tenancy' AND has_schema_privilege(r.oid, n.oid, 'USAGE'))
    ORDER BY 1";

#[test]
fn nothing_that_the_tool_keeps_is_open_at_any_moment() {
    let scenario = Scenario::new("constant");
    let name = scenario.db().name().to_owned();
    let (app, reader) = (format!("{name}_app"), format!("{name}_readonly"));
    let with_roles = |sql: &str| sql.replace("{app}", &app).replace("{reader}", &reader);
    scenario.db().psql(&with_roles(GIVEN_AWAY));
    let mut steps = 0;
    let mut copies = 0;
    scenario.tenantize(&["run", "--yes", "--steps", "1"]);
    loop {
        steps += 1;
        let done = scenario.db().psql("SELECT step_id FROM tenantize.steps WHERE state = 'done' ORDER BY finished_at DESC LIMIT 1");
        assert_eq!(scenario.db().psql(&with_roles(OPEN)), "", "after {steps} steps, the last {done}");
        assert_eq!(scenario.db().psql(&with_roles(SCHEMAS)), "", "after {steps} steps, the last {done}");
        copies =
            copies.max(scenario.db().scalar_i64("SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('tenantize_backup')"));
        for table in ["tenantize.runs", "tenantize.steps", "public.tenants", "public.members"] {
            if scenario.db().psql(&format!("SELECT to_regclass('{table}')")).is_empty() {
                continue;
            }
            match scenario.db().try_psql_as(&app, &NEW.replace("{table}", table)) {
                Ok(rows) => assert_eq!((rows.as_str(), &table[..7]), ("0", "public."), "{table} after {done}"),
                Err(error) => assert!(error.contains("permission denied"), "{error}"),
            }
        }
        if scenario.state() == "finished" {
            break;
        }
        scenario.tenantize(&["resume", "--steps", "1"]);
    }
    assert!(steps > 20 && copies > 0, "{steps} steps, {copies} copies");
    // and on the way back
    for phase in ["constraints", "backfill", "expand", "backup"] {
        scenario.tenantize(&["rollback", "--yes", "--to", phase]);
        assert_eq!(scenario.db().psql(&with_roles(OPEN)), "", "back to {phase}");
        if phase == "expand" {
            assert!(scenario.db().try_psql_as(&app, "SELECT count(*) FROM tenants").unwrap_err().contains("permission denied"));
        }
    }
}

/// Every function and comparison that takes a text, and a twin that fits a `varchar` better or the same as well.
///
/// Whoever calls one of them as somebody else makes its author a superuser.
const TRAPS: &str = r"
    CREATE TABLE public.trapped (who text, what text);
    GRANT ALL ON public.trapped TO PUBLIC;
    DO $traps$
    DECLARE f record; result text;
    BEGIN
      FOR f IN
        SELECT p.proname, a.arguments, p.prorettype::regtype AS result
        FROM pg_catalog.pg_proc AS p
        CROSS JOIN LATERAL (VALUES (pg_get_function_identity_arguments(p.oid)), (replace(pg_get_function_identity_arguments(p.oid), 'text', 'varchar')),
          (replace(pg_get_function_identity_arguments(p.oid), 'regclass', 'text'))) AS a (arguments)
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.pronargs BETWEEN 0 AND 3 AND NOT p.proretset
          AND p.prorettype IN ('bool'::regtype, 'text'::regtype, 'int4'::regtype, 'int8'::regtype, 'oid'::regtype, 'regclass'::regtype, 'timestamptz'::regtype)
          AND p.proname ~ '^(lower|upper|format|concat|now|clock|coalesce|hashtext|md5|replace|quote|to_|pg_|has_|current_|set_config|setval|row_security|length|left|right|split|starts_with|regexp|obj_desc|col_desc|txid|abs|greatest|json)'
      LOOP
        BEGIN
          EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO public.trapped VALUES (current_user, %L); RETURN NULL; END $f$',
            f.proname, f.arguments, f.result, f.proname);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
      END LOOP;
      FOR f IN SELECT o.oprname AS op, l.t AS l, r.t AS r FROM (VALUES ('='), ('<>'), ('<'), ('>'), ('||'), ('~'), ('!~')) AS o (oprname),
        (VALUES ('text'), ('varchar'), ('bigint'), ('int'), ('uuid'), ('name'), ('oid')) AS l (t), (VALUES ('text'), ('varchar'), ('bigint'), ('int'), ('uuid'), ('name'), ('oid')) AS r (t)
      LOOP
        result := CASE f.op WHEN '||' THEN 'text' ELSE 'bool' END;
        BEGIN
          EXECUTE format('CREATE FUNCTION public.trap(%s, %s, %s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RETURN NULL; END $f$', f.l, f.r, result, result);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        BEGIN
          EXECUTE format('CREATE FUNCTION public.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO public.trapped VALUES (current_user, %L); RETURN NULL; END $f$',
            'op ' || f.op, f.l, f.r, result, f.op || ' ' || f.l || ' ' || f.r);
          EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.%I)', f.op, f.l, f.r, 'op ' || f.op);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
      END LOOP;
    END $traps$;
";

#[test]
fn functions_and_operators_of_somebody_else_are_never_called() {
    let scenario = Scenario::new("shop");
    let intruder = scenario.db().role("intruder");
    scenario.db().psql(&format!("ALTER ROLE {intruder} LOGIN; GRANT CREATE, USAGE ON SCHEMA public TO {intruder}"));
    scenario.db().try_psql_as(&intruder, TRAPS).unwrap();
    let traps = scenario.db().scalar_i64("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace");
    assert!(traps > 200, "{traps} traps");
    // the traps work: this is what a session with public in its path calls
    scenario.db().try_psql_as(&intruder, "SET search_path = public, pg_catalog; SELECT lower('A')").unwrap();
    assert_eq!(scenario.db().scalar_i64("SELECT count(*) FROM public.trapped"), 1, "a trap that does not work proves nothing");
    scenario.db().psql("TRUNCATE public.trapped");
    let file = scenario.file("tenantize.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config + "\n[tables.\"public.trapped\"]\nscope = \"shared\"\n").unwrap();
    for command in [&["init", "--stdout"][..], &["plan", "--full"]] {
        scenario.tenantize(command);
    }
    let check = scenario.tenantize(&["check"]);
    assert!(check.stdout.contains("warning[T057]: public") && check.stdout.contains(&intruder), "{check}");
    scenario.run();
    scenario.cli(&["verify"]).run();
    scenario.tenantize(&["status"]);
    scenario.tenantize(&["rollback", "--yes"]);
    assert_eq!(scenario.db().psql("SELECT DISTINCT who, what FROM public.trapped"), "", "called with the rights of others");
}
