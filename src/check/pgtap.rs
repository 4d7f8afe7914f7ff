//! The verification as tests of the application's own suite: a script for pgTAP.

use serde_json::json;

use super::{MEMBER, Severity, Subject, TENANT, catalog_checks, data_checks};
use crate::catalog::Catalog;
use crate::isolation::targets;
use crate::sql::pgtap::{Field, Members, Script, Sessions, Sight, Value};
use crate::sql::policy::{ChosenSource, ContextSpec, MembershipContext, UserSource};

const CLAIMS: &str = "request.jwt.claims";

/// Writes the script: every check of severity error, and the most important attacks of every role of the application.
#[must_use]
pub fn pgtap(subject: &Subject, catalog: &Catalog) -> String {
    let mut script = Script::new(sessions(subject));
    let mut checks = data_checks(subject, None, catalog);
    checks.extend(catalog_checks(subject));
    for check in checks.iter().filter(|check| check.severity == Severity::Error) {
        script.check(&check.query, &format!("{}: {} [{}]", check.id, check.claim, check.subject));
    }
    let targets = targets(subject, catalog);
    for role in &subject.app_roles {
        for target in &targets {
            let is_registry = subject.registry.as_ref().is_some_and(|registry| registry.table == target.prey.relation);
            let columns = if is_registry { &[][..] } else { &target.prey.columns };
            script.attack(&Field { relation: &target.prey.relation, tenant: &target.prey.column, columns }, role);
        }
    }
    script.finish(&format!("Isolation of tenants in {}, by: tenantize verify --format pgtap", catalog.server.database.plain()))
}

fn sessions(subject: &Subject) -> Sessions {
    let (settings, member, sight) = if let Some(found) = &subject.found {
        let settings = found.settings.iter().map(|(name, value)| (name.clone(), Value::Template(value.clone()))).collect();
        let member = found.member.as_ref().map(|member| Members {
            table: member.table.clone(),
            tenant: subject.column.clone(),
            user: member.column.clone(),
            status: None,
        });
        (settings, member, Sight::Some)
    } else {
        let (settings, member) = of_context(&subject.context);
        (settings, member, Sight::All)
    };
    Sessions { settings, member, ty: subject.ty, sight }
}

type Way = (Vec<(String, Value)>, Option<Members>);

fn of_context(context: &ContextSpec) -> Way {
    let template = |text: &str| Value::Template(text.to_owned());
    match context {
        ContextSpec::Setting { name } => (vec![(name.clone(), template(TENANT))], None),
        ContextSpec::Signed { name } => (vec![(name.clone(), Value::Signed)], None),
        ContextSpec::SupabaseJwt { claim } => {
            let claims = json!({ "role": "authenticated", "app_metadata": { claim: TENANT } });
            (vec![(CLAIMS.to_owned(), template(&claims.to_string()))], None)
        }
        ContextSpec::Membership(spec) => (of_membership(spec), Some(members(spec))),
    }
}

fn of_membership(spec: &MembershipContext) -> Vec<(String, Value)> {
    let mut settings = Vec::new();
    let mut claims = serde_json::Map::new();
    match &spec.user {
        UserSource::Setting(name) => settings.push((name.clone(), Value::Template(MEMBER.to_owned()))),
        UserSource::AuthUid => {
            claims.insert("sub".into(), json!(MEMBER));
        }
    }
    match &spec.chosen {
        ChosenSource::Setting(name) => settings.push((name.clone(), Value::Template(TENANT.to_owned()))),
        ChosenSource::Claim(claim) => {
            claims.insert("app_metadata".into(), json!({ claim: TENANT }));
        }
    }
    if !claims.is_empty() {
        settings.push((CLAIMS.to_owned(), Value::Template(serde_json::Value::Object(claims).to_string())));
    }
    settings
}

fn members(spec: &MembershipContext) -> Members {
    Members { table: spec.table.clone(), tenant: spec.tenant_column.clone(), user: spec.user_column.clone(), status: spec.status.clone() }
}
