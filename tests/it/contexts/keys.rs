//! Every context with every type of key: the tenant, nobody, and garbage.

use tenantize::sql::policy::{
    ChosenSource, ContextSpec, MembershipContext, PolicyForm, Tenants, UserSource, context_functions, create_context, drop_context,
    own_tenant,
};
use tenantize::sql::{Ident, KeyType};

use crate::support::TestDb;

use super::AUTH;

fn contexts() -> Vec<ContextSpec> {
    let membership = |chosen: ChosenSource, tenants: Tenants| {
        ContextSpec::Membership(MembershipContext {
            table: "public.\"who's $body$ where\"".parse().unwrap(),
            user_column: Ident::new("me").unwrap(),
            user_ty: "uuid".into(),
            tenant_column: Ident::new("chosen").unwrap(),
            status: Some((Ident::new("tenants").unwrap(), "o'k".into())),
            user: UserSource::AuthUid,
            chosen,
            tenants,
        })
    };
    vec![
        ContextSpec::default(),
        ContextSpec::SupabaseJwt { claim: "it's".into() },
        ContextSpec::Signed { name: "my.tenant".into() },
        membership(ChosenSource::Claim("it's".into()), Tenants::One),
        membership(ChosenSource::Setting("my.tenant".into()), Tenants::Several),
    ]
}

const USER: &str = "00000000-0000-4000-8000-000000000001";

/// Makes the session the tenant, by the means of the context.
fn enter(context: &ContextSpec, key: &str) -> String {
    let key = key.replace('\'', "''");
    let claims = |json: &str| format!("SELECT set_config('request.jwt.claims', {json}::text, false) AS x \\gset\n");
    let object = format!("jsonb_build_object('sub', '{USER}', 'app_metadata', jsonb_build_object('it''s', '{key}'))");
    match context {
        ContextSpec::Setting { name } => format!("SET {name} = '{key}';\n"),
        ContextSpec::SupabaseJwt { .. } => claims(&object),
        ContextSpec::Signed { name } if key.is_empty() => format!("SET {name} = '';\n"),
        ContextSpec::Signed { name } => {
            format!("SELECT tenancy.sign('{key}', '1 hour') AS token \\gset\nSET {name} = :'token';\n")
        }
        ContextSpec::Membership(spec) => match &spec.chosen {
            ChosenSource::Setting(name) => format!("{}SET {name} = '{key}';\n", claims(&object)),
            ChosenSource::Claim(_) => claims(&object),
        },
    }
}

#[test]
fn every_context_knows_every_type_of_key() {
    let types = [
        (KeyType::Uuid, "00000000-0000-4000-8000-00000000000a"),
        (KeyType::Bigint, "-9000000000"),
        (KeyType::Int, "7"),
        (KeyType::Text, "o'a|b\"c"),
    ];
    for (ty, key) in types {
        for context in contexts() {
            let db = TestDb::new(AUTH);
            let quoted = key.replace('\'', "''");
            db.psql(&format!(
                "CREATE TABLE \"who's $body$ where\" (me uuid, chosen {ty}, tenants text, PRIMARY KEY (me, chosen));
                 INSERT INTO \"who's $body$ where\" VALUES ('{USER}', '{quoted}', 'o''k');
                 CREATE TABLE things (\"the tenant\" {ty}); INSERT INTO things VALUES ('{quoted}'), ({other});
                 CREATE SCHEMA tenancy; {}",
                create_context(&context, ty),
                other = if ty == KeyType::Uuid { "gen_random_uuid()" } else { "'1'" },
            ));
            let case = format!("{ty}, {context:?}");
            let one = |key: &str, sql: &str| db.try_psql(&format!("{}{sql}", enter(&context, key)));
            assert_eq!(one(key, "SELECT tenancy.current_tenant_id()"), Ok(key.to_owned()), "{case}");
            let own = own_tenant(&context, PolicyForm::Wrapped, &Ident::new("the tenant").unwrap(), ty);
            assert_eq!(one(key, &format!("SELECT count(*) FROM things WHERE {own}")), Ok("1".into()), "{case}");
            assert_eq!(db.psql("SELECT tenancy.current_tenant_id()"), "", "{case}: nobody");
            if !matches!(context, ContextSpec::Membership(_)) {
                assert_eq!(one("", "SELECT tenancy.current_tenant_id()"), Ok(String::new()), "{case}: empty");
            }
            if ty != KeyType::Text {
                assert!(one("x' OR '1'='1", "SELECT tenancy.current_tenant_id()").is_err(), "{case}: garbage");
            }
            for (name, _) in context_functions(&context, ty) {
                assert_eq!(db.psql(&format!("SELECT '{name}'::regprocedure IS NOT NULL")), "t", "{case}: {name}");
            }
            db.psql(&format!("{}; DROP SCHEMA tenancy", drop_context(&context, ty)));
        }
    }
}

#[test]
fn a_user_is_never_cut_to_another_one() {
    let db = TestDb::new(AUTH);
    let context = ContextSpec::Membership(MembershipContext {
        table: "public.members".parse().unwrap(),
        user_column: Ident::new("who").unwrap(),
        user_ty: "character varying(4)".into(),
        tenant_column: Ident::new("tenant").unwrap(),
        status: None,
        user: UserSource::Setting("app.user_id".into()),
        chosen: ChosenSource::Setting("app.tenant_id".into()),
        tenants: Tenants::One,
    });
    db.psql(&format!(
        "CREATE TABLE members (who varchar(4), tenant int, PRIMARY KEY (who, tenant)); INSERT INTO members VALUES ('anna', 7);
         CREATE SCHEMA tenancy; {}",
        create_context(&context, KeyType::Int)
    ));
    let tenant = |user: &str| db.try_psql(&format!("SET app.user_id = '{user}'; SELECT tenancy.current_tenant_id()"));
    assert_eq!(tenant("anna"), Ok("7".into()));
    assert!(tenant("annabel").is_err(), "too long for any user");
    assert_eq!(db.psql("BEGIN; SELECT tenancy.set_user('anna'); SELECT tenancy.current_tenant_id(); COMMIT"), "\n7");
    db.psql(&drop_context(&context, KeyType::Int));
}
