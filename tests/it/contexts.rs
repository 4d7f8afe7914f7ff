//! Each context lives through a whole run, and keeps what it promises.

mod keys;

use std::fs;

use diesel::{Connection as _, PgConnection};
use tenantize::check::Subject;
use tenantize::isolation::{Persona, impostors, settings};
use tenantize::plan::{Action, Plan};
use tenantize::sql::{Change, KeyType, TenantKey};

use crate::support::{Cli, Scenario};

const AUTH: &str = "
    CREATE SCHEMA auth;
    CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$
      SELECT coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb
    $$;
    CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
      SELECT coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
    $$;
";
const MEMBERSHIPS: &str = "
    CREATE TABLE memberships (user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, tenant_id uuid NOT NULL, role text NOT NULL,
      joined_at timestamptz NOT NULL DEFAULT now(), status text NOT NULL DEFAULT 'active', PRIMARY KEY (user_id, tenant_id));
";
/// Rows of the fixture that belong to the tenant acme.
const ACME: &str = "200";

/// The shop with a context of its own: `rls` goes into its section, `more` to the end of the configuration.
struct Shop {
    scenario: Scenario,
    app: String,
}

impl Shop {
    fn new(sql: &str, rls: &str, more: &str) -> Self {
        // its trigger writes where the application may not
        let scenario = Scenario::with("shop", &format!("DROP TRIGGER remember ON orders; {sql}"));
        let file = scenario.file("tenantize.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{}{more}", text.replace("[rls]\n", &format!("[rls]\n{rls}\n")))).unwrap();
        let app = format!("{}_app", scenario.db().name());
        Self { scenario, app }
    }

    fn migrated(sql: &str, rls: &str, more: &str) -> Self {
        let shop = Self::new(sql, rls, more);
        shop.scenario.run();
        shop
    }

    fn tenant(&self, slug: &str) -> String {
        self.scenario.db().psql(&format!("SELECT id FROM public.tenants WHERE slug = '{slug}'"))
    }

    /// What the application gets in a session with these settings, or the SQLSTATE of its error.
    fn asks(&self, settings: &[(&str, &str)], sql: &str) -> String {
        let set: Vec<String> = settings.iter().map(|(name, text)| format!("SET {name} = '{}';", text.replace('\'', "''"))).collect();
        let script = format!("\\set VERBOSITY sqlstate\nSET ROLE {};\n{}\n{sql}", self.app, set.join("\n"));
        self.scenario.db().try_psql(&script).unwrap_or_else(|error| error.trim().rsplit(' ').next().unwrap_or_default().to_owned())
    }

    fn orders(&self, settings: &[(&str, &str)]) -> String {
        self.asks(settings, "SELECT count(*) FROM public.orders")
    }

    /// Forward, verified, and back to the start; returns what `verify` says.
    fn lives(sql: &str, rls: &str, more: &str) -> String {
        let shop = Self::new(sql, rls, more);
        let before = shop.scenario.content();
        shop.scenario.run();
        let verified = shop.scenario.tenantize(&["verify"]).stdout;
        shop.scenario.tenantize(&["rollback", "--yes"]);
        shop.scenario.content().assert_same_as(&before, "after the run and back");
        verified
    }
}

const REFUSED: &str = "42501";
const MEMBERS: &str = "[memberships]\ntable = \"public.memberships\"\nusers = \"public.users\"\n";

#[test]
fn a_setting_of_another_name_lives() {
    Shop::lives("", "setting = \"shop.account\"", "");
}

#[test]
fn a_token_of_supabase_lives() {
    Shop::lives(AUTH, "context = \"supabase-jwt\"\nclaim = \"org\"", "");
}

#[test]
fn memberships_live() {
    let status = "[rls.membership]\nstatus = \"status\"\n";
    Shop::lives(MEMBERSHIPS, "context = \"membership\"", &format!("{MEMBERS}{status}"));
}

#[test]
fn several_memberships_at_once_live() {
    let verified = Shop::lives("", "context = \"membership\"", &format!("{MEMBERS}[rls.membership]\ntenants = \"several\"\n"));
    assert!(verified.contains("PASS          T606 "), "rows stay with their tenant: {verified}");
}

#[test]
fn signed_tenants_live() {
    Shop::lives("", "context = \"signed\"", "");
}

#[test]
fn only_the_part_of_the_token_that_the_server_writes_counts() {
    let shop = Shop::migrated(AUTH, "context = \"supabase-jwt\"", "");
    let acme = shop.tenant("acme");
    let claims = |text: &str| shop.orders(&[("request.jwt.claims", &text.replace("ACME", &acme))]);
    assert_eq!(claims(r#"{"app_metadata": {"tenant_id": "ACME"}}"#), ACME);
    assert_eq!(claims(r#"{"user_metadata": {"tenant_id": "ACME"}}"#), "0");
    assert_eq!(claims(r#"{"tenant_id": "ACME", "app_metadata": {}}"#), "0");
    assert_eq!(claims(""), "0");
    assert_eq!(claims(r#"{"app_metadata": {"tenant_id": ""}}"#), "0");
    assert_eq!(claims(r#"{"app_metadata": {"tenant_id": "x"}}"#), "22P02");
    assert_eq!(claims("x"), "22P02");
    let insert = "INSERT INTO public.orders (user_id, number) VALUES (1, 'new') RETURNING tenant_id";
    assert_eq!(shop.asks(&[("request.jwt.claims", &format!(r#"{{"app_metadata": {{"tenant_id": "{acme}"}}}}"#))], insert), acme);
}

#[test]
fn without_the_functions_of_supabase_nothing_starts() {
    let shop = Shop::new("", "context = \"supabase-jwt\"", "");
    let output = shop.scenario.cli(&["run", "--yes"]).run();
    assert!(!output.ok() && format!("{output}").contains("T060"), "{output}");
}

#[test]
fn a_membership_that_ends_ends_at_once() {
    let status = "[rls.membership]\nstatus = \"status\"\n";
    let shop = Shop::migrated(MEMBERSHIPS, "context = \"membership\"", &format!("{MEMBERS}{status}"));
    let (acme, globex) = (shop.tenant("acme"), shop.tenant("globex"));
    // user 1 belongs to acme alone
    let orders = |tenant: &str| shop.orders(&[("app.user_id", "1"), ("app.tenant_id", tenant)]);
    assert_eq!(orders(&acme), ACME);
    assert_eq!(orders(""), ACME, "the only one");
    assert_eq!(orders(&globex), "0");
    assert_eq!(orders("x"), "22P02");
    assert_eq!(shop.orders(&[("app.tenant_id", &acme)]), "0", "nobody");
    assert_eq!(shop.orders(&[("app.user_id", ""), ("app.tenant_id", &acme)]), "0", "nobody");
    assert_eq!(shop.orders(&[("app.user_id", "x"), ("app.tenant_id", &acme)]), "22P02");
    // one session, in which the membership is suspended between two queries of the same prepared statement
    let (db, app) = (shop.scenario.db(), &shop.app);
    let session = db.psql(&format!(
        "SET app.user_id = '1'; PREPARE q AS SELECT count(*) FROM public.orders;
         SET ROLE {app}; EXECUTE q; EXECUTE q; EXECUTE q; EXECUTE q; EXECUTE q; EXECUTE q; RESET ROLE;
         UPDATE public.memberships SET status = 'suspended' WHERE user_id = 1;
         SET ROLE {app}; EXECUTE q; RESET ROLE;
         UPDATE public.memberships SET status = 'active' WHERE user_id = 1;
         SET ROLE {app}; EXECUTE q; RESET ROLE;
         DELETE FROM public.memberships WHERE user_id = 1;
         SET ROLE {app}; EXECUTE q;"
    ));
    let seen: Vec<&str> = session.lines().collect();
    assert_eq!(seen[5..], [ACME, "0", ACME, "0"], "{session}");
}

#[test]
fn who_belongs_to_several_tenants_sees_them_and_moves_nothing_between_them() {
    let shop = Shop::migrated("", "context = \"membership\"", &format!("{MEMBERS}[rls.membership]\ntenants = \"several\"\n"));
    let (acme, globex) = (shop.tenant("acme"), shop.tenant("globex"));
    shop.scenario.db().psql(&format!("INSERT INTO public.memberships VALUES (1, '{globex}', 'member')"));
    let both = [("app.user_id", "1")];
    let one = [("app.user_id", "1"), ("app.tenant_id", globex.as_str())];
    assert_eq!(shop.orders(&both), "400");
    assert_eq!(shop.orders(&one), "200", "a chosen tenant narrows");
    assert_eq!(shop.asks(&both, "SELECT count(*) FROM public.tenants"), "2");
    let moved = format!("UPDATE public.coupons SET tenant_id = '{globex}' WHERE tenant_id = '{acme}' AND owner_id = 1");
    assert_eq!(shop.asks(&both, &moved), REFUSED);
    assert_eq!(shop.asks(&both, "UPDATE public.coupons SET tenant_id = tenant_id"), "", "to the same is no move");
    let insert = "INSERT INTO public.users (email) VALUES ('new@example.com') RETURNING tenant_id";
    assert_eq!(shop.asks(&both, insert), REFUSED, "whose would it be?");
    assert_eq!(shop.asks(&one, insert), globex);
    let plan = shop.asks(&both, "EXPLAIN SELECT * FROM public.orders WHERE number = 'N1'");
    assert!(plan.contains("ANY ($0)") || plan.contains("ANY ((InitPlan 1).col1)"), "once per query: {plan}");
}

#[test]
fn forged_and_expired_tokens_are_refused() {
    let shop = Shop::migrated("", "context = \"signed\"", "");
    let (acme, globex, db) = (shop.tenant("acme"), shop.tenant("globex"), shop.scenario.db());
    let sign = |ttl: &str| db.psql(&format!("SELECT tenancy.sign('{acme}', '{ttl}')"));
    let orders = |token: &str| shop.orders(&[("app.tenant_id", token)]);
    let token = sign("1 hour");
    assert_eq!(orders(&token), ACME);
    assert_eq!(
        shop.asks(&[], &format!("BEGIN; SELECT tenancy.set_tenant('{token}'); SELECT count(*) FROM public.orders; COMMIT")),
        format!("\n{ACME}")
    );
    assert_eq!(orders(""), "0");
    let parts: Vec<&str> = token.splitn(4, '|').collect();
    let [signature, key, expiry, _] = parts[..] else { panic!("{token}") };
    for forged in [
        token.replace(&acme, &globex),
        format!("{signature}|{key}|99999999999|{acme}"),
        format!("{signature}|2|{expiry}|{acme}"),
        format!("|{key}|{expiry}|{acme}"),
        format!("{}|{key}|{expiry}|{acme}", "0".repeat(64)),
        token.to_uppercase(),
        sign("1 microsecond"),
        acme.clone(),
        "x' OR '1'='1".into(),
        "|||".into(),
    ] {
        assert_eq!(orders(&forged), REFUSED, "{forged}");
    }
    for sql in
        ["SELECT tenancy.sign(gen_random_uuid(), '1 hour')", "SELECT * FROM tenancy.signing_keys", "SELECT tenancy.rotate_signing_key()"]
    {
        assert_eq!(shop.asks(&[("app.tenant_id", &token)], sql), REFUSED, "{sql}");
    }
    let next = |token: &str| {
        db.psql("SELECT tenancy.rotate_signing_key()");
        orders(token)
    };
    assert_eq!(next(&token), ACME, "the key before the newest is still accepted");
    assert_eq!(orders(&sign("1 hour")), ACME, "and the newest");
    assert_eq!(next(&token), REFUSED, "and no older one");
    assert_eq!(db.psql("SELECT count(*) FROM tenancy.signing_keys"), "2");
}

#[test]
fn a_signature_is_hmac_with_sha_256() {
    use sha2::{Digest, Sha256};
    let shop = Shop::migrated("", "context = \"signed\"", "");
    let acme = shop.tenant("acme");
    let token = shop.scenario.db().psql(&format!("SELECT tenancy.sign('{acme}', '1 hour')"));
    let (signature, signed) = token.split_once('|').unwrap();
    let pad = |column: &str| {
        let bytes = shop.scenario.db().psql(&format!("SELECT encode({column}, 'hex') FROM tenancy.signing_keys"));
        (0..64).map(|at| u8::from_str_radix(&bytes[2 * at..2 * at + 2], 16).unwrap()).collect::<Vec<u8>>()
    };
    let (inner, outer) = (pad("inner_pad"), pad("outer_pad"));
    assert!(inner.iter().zip(&outer).all(|(inner, outer)| inner ^ 0x36 == outer ^ 0x5c), "both pads are made of one key");
    let secret: Vec<u8> = inner[..32].iter().map(|byte| byte ^ 0x36).collect();
    assert!(inner[32..].iter().all(|byte| *byte == 0x36) && secret.iter().any(|byte| *byte != 0), "a key of 32 bytes");
    let within = Sha256::digest([inner, signed.as_bytes().to_vec()].concat());
    let expected = Sha256::digest([outer, within.to_vec()].concat());
    assert_eq!(signature, tenantize::sql::hex(&expected));
}

#[test]
fn the_secret_is_in_nothing_that_the_program_prints_or_keeps() {
    let shop = Shop::new("", "context = \"signed\"", "");
    let (scenario, db) = (&shop.scenario, shop.scenario.db());
    let call = |arguments: &[&str]| {
        let at = ["--database-url", &db.url(), "--config", scenario.file("tenantize.toml").to_str().unwrap()].map(str::to_owned);
        let output = Cli::new().dir(scenario.file("")).args(arguments).args(at).run();
        assert!(output.ok(), "{output}");
        format!("{}{}", output.stdout, output.stderr)
    };
    let mut said = vec![
        call(&["plan", "--format", "json", "--full"]),
        call(&["plan", "--format", "sql"]),
        call(&["run", "--yes", "--progress", "json", "-vv"]),
        call(&["verify", "--format", "json", "--progress", "json", "-vv"]),
        call(&["status", "--format", "json"]),
    ];
    let tables = db.psql("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'tenantize'");
    said.extend(tables.lines().map(|table| db.psql(&format!("SELECT to_jsonb(t) FROM {table} AS t"))));
    let secrets = db.psql(
        "SELECT translate(encode(v.bytes, f.format), E'\n', '') FROM tenancy.signing_keys AS k, unnest(ARRAY[k.inner_pad, k.outer_pad]) AS v (bytes),
           unnest(ARRAY['hex', 'base64']) AS f (format)",
    );
    assert!(said.iter().any(|text| text.contains("rotate_signing_key")), "the search finds nothing");
    for secret in secrets.lines() {
        // the constant half of a pad tells nothing
        let secret = &secret[..40];
        assert!(said.iter().all(|text| !text.contains(secret)), "a secret is told");
    }
    let tokens =
        |text: &String| text.split(|c: char| !c.is_ascii_hexdigit() && c != '|').any(|word| word.len() > 66 && word.as_bytes()[64] == b'|');
    assert!(!said.iter().any(tokens), "a token is told");
}

#[test]
fn a_claim_that_anybody_can_write_is_nobody() {
    nobody_only_says_so(AUTH, "context = \"supabase-jwt\"", "", 3);
}

#[test]
fn who_is_no_member_is_nobody() {
    nobody_only_says_so(MEMBERSHIPS, "context = \"membership\"", &format!("{MEMBERS}[rls.membership]\nstatus = \"status\"\n"), 3);
}

#[test]
fn a_tenant_that_nobody_signed_is_nobody() {
    nobody_only_says_so("", "context = \"signed\"", "", 4);
}

/// Those who claim to be a tenant and are not see none of its rows; the tenant, by the same means, sees all of them.
fn nobody_only_says_so(sql: &str, rls: &str, more: &str, expected: usize) {
    let shop = Shop::migrated(sql, rls, more);
    let db = shop.scenario.db();
    let plan: Plan = serde_json::from_str(&db.psql("SELECT plan FROM tenantize.runs")).unwrap();
    let subject = Subject::of_plan(&plan, &[]);
    let victim = TenantKey { ty: KeyType::Uuid, text: shop.tenant("acme") };
    if !more.is_empty() {
        db.psql("UPDATE public.memberships SET status = 'gone' WHERE user_id = 1");
    }
    let mut admin = PgConnection::establish(&db.url()).unwrap();
    let found = impostors(&mut admin, &subject, &victim).unwrap();
    assert_eq!(found.len(), expected, "{found:?}");
    for (name, settings) in found {
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let seen = shop.orders(&settings);
        assert!(["0", REFUSED].contains(&seen.as_str()), "{rls}, {name}: {seen}");
    }
    let own = settings(&mut admin, &subject, Persona::Tenant(&victim)).unwrap().unwrap();
    let own: Vec<(&str, &str)> = own.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(shop.orders(&own), ACME, "{rls}");
}

#[test]
fn the_plan_says_where_one_tenant_has_most_of_many_rows() {
    let lines =
        "INSERT INTO order_lines (id, order_id, product, quantity) SELECT gen_random_uuid(), 1, 'p1', 1 FROM generate_series(1, 100000);";
    let conditions = |form: &str| {
        let shop = Shop::new(lines, "", "");
        let file = shop.scenario.file("tenantize.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{text}{form}")).unwrap();
        let plan = shop.scenario.tenantize(&["plan", "--format", "json"]).stdout;
        let plan: Plan = serde_json::from_str(&plan).unwrap();
        let step =
            |table: &str| plan.steps.iter().find(|step| step.id.to_string() == format!("rls/public.{table}/policies")).unwrap().clone();
        [step("order_lines"), step("orders")].map(|step| {
            let Action::Apply { changes } = &step.action else { panic!("{step:?}") };
            let policies = changes.iter().filter(|change| matches!(change, Change::CreatePolicy(_)));
            let bare = policies.map(|policy| !policy.to_string().contains("(SELECT")).collect::<Vec<bool>>();
            assert!(bare.len() == 3 && bare.iter().all(|one| *one == bare[0]), "fence and allow have one text: {step:?}");
            (bare[0], step.why.contains("98 % of the rows"))
        })
    };
    assert_eq!(conditions(""), [(false, true), (false, false)], "the tenant of order 1 has 100,600 of 101,800 lines");
    // order_lines is the last table of the configuration
    assert_eq!(conditions("policy_form = \"wrapped\"\n"), [(false, false), (false, false)]);
    assert_eq!(conditions("policy_form = \"bare\"\n"), [(true, false), (false, false)]);
}

#[test]
fn memberships_that_bind_whoever_runs_it_are_told_before() {
    let shop = Shop::new(MEMBERSHIPS, "context = \"membership\"", MEMBERS);
    let db = shop.scenario.db();
    let owner = db.role("owner");
    db.psql(&format!(
        "ALTER ROLE {owner} LOGIN; ALTER TABLE memberships OWNER TO {owner}; ALTER TABLE memberships FORCE ROW LEVEL SECURITY"
    ));
    let output = format!("{}", shop.scenario.cli_at(&db.url_as(&owner), &["plan"]).run());
    assert!(output.contains("T061"), "{output}");
    assert!(!format!("{}", shop.scenario.cli(&["plan"]).run()).contains("T061"), "a superuser is bound by nothing");
}

/// What the application may do with memberships.
fn rights(shop: &Shop) -> String {
    shop.scenario.db().psql(&format!(
        "SELECT string_agg(r, ' ' ORDER BY r) FROM unnest('{{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}}'::text[]) AS r
         WHERE has_table_privilege('{}', 'public.memberships', r)",
        shop.app
    ))
}

#[test]
fn nobody_makes_itself_a_member_where_the_table_is_new() {
    let shop = Shop::new("", "context = \"membership\"", MEMBERS);
    shop.scenario.db().role("app");
    let before = shop.scenario.content();
    // what a new table gets by default
    let by_default = format!("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO {}", shop.app);
    shop.scenario.db().psql(&by_default);
    assert!(!format!("{}", shop.scenario.cli(&["plan"]).run()).contains("T062"));
    shop.scenario.run();
    assert_eq!(rights(&shop), "SELECT");
    let tenant = shop.tenant("acme");
    let user = ("app.user_id", "1");
    assert_eq!(shop.asks(&[user], "SELECT count(*) > 0 FROM public.memberships"), "t");
    assert_eq!(shop.asks(&[user], &format!("INSERT INTO public.memberships VALUES (2, '{tenant}', 'owner')")), REFUSED);
    assert_eq!(shop.asks(&[user], "UPDATE public.memberships SET role = 'owner'"), REFUSED);
    assert_eq!(shop.asks(&[user], "DELETE FROM public.memberships"), REFUSED);
    shop.scenario.tenantize(&["rollback", "--yes"]);
    shop.scenario.db().psql(&by_default.replace("GRANT", "REVOKE").replace(" TO ", " FROM "));
    shop.scenario.content().assert_same_as(&before, "after the run and back");
}

#[test]
fn who_could_change_memberships_before_is_told_and_still_can() {
    let shop = Shop::new(MEMBERSHIPS, "context = \"membership\"", MEMBERS);
    shop.scenario.db().role("app");
    let plan = || format!("{}", shop.scenario.cli(&["plan"]).run());
    assert!(!plan().contains("T062"), "no right, nothing to tell");
    shop.scenario.db().psql(&format!("GRANT INSERT ON memberships TO PUBLIC; GRANT UPDATE (role) ON memberships TO {}", shop.app));
    let told = plan();
    assert!(told.contains("T062") && told.contains("may INSERT, UPDATE"), "{told}");
    let before = shop.scenario.content();
    shop.scenario.run();
    assert_eq!(rights(&shop), "INSERT SELECT");
    shop.scenario.tenantize(&["rollback", "--yes"]);
    shop.scenario.content().assert_same_as(&before, "after the run and back");
    shop.scenario.db().psql(&format!("REVOKE INSERT ON memberships FROM PUBLIC; REVOKE UPDATE (role) ON memberships FROM {}", shop.app));
    assert!(!plan().contains("T062"), "the cure");
}
