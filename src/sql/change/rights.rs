//! The SQL of rights and of the options of views.

use std::fmt::{self, Formatter};

use super::spec::{RightsOn, RightsSpec};
use crate::sql::{Ident, QualifiedName, Text};

/// Writes what takes the rights away.
pub(super) fn take(f: &mut Formatter<'_>, spec: &RightsSpec) -> fmt::Result {
    let (grantee, privileges) = (grantee(spec.grantee.as_ref()), spec.privileges.join(", "));
    write!(f, "{}REVOKE {privileges} ON {} FROM {grantee}", before(&spec.object), on(&spec.object))
}

/// Writes what gives them back, with the right to pass on where there was one.
pub(super) fn give(f: &mut Formatter<'_>, spec: &RightsSpec) -> fmt::Result {
    let (before, on, grantee) = (before(&spec.object), on(&spec.object), grantee(spec.grantee.as_ref()));
    write!(f, "{before}GRANT {} ON {on} TO {grantee}", spec.privileges.join(", "))?;
    if !spec.grantable.is_empty() {
        write!(f, ";\n{before}GRANT {} ON {on} TO {grantee} WITH GRANT OPTION", spec.grantable.join(", "))?;
    }
    Ok(())
}

/// Writes what gives a view its options back, in their order: a dump compares it.
pub(super) fn restore_options(f: &mut Formatter<'_>, view: &QualifiedName, options: &[String]) -> fmt::Result {
    write!(f, "ALTER VIEW {view} RESET (security_invoker)")?;
    let had = options.iter().any(|option| option.starts_with("security_invoker="));
    let pairs = options.iter().filter_map(|option| option.split_once('='));
    // The names are those of PostgreSQL's own list of options.
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name} = {}", Text(value))).collect();
    if had { write!(f, ";\nALTER VIEW {view} SET ({})", pairs.join(", ")) } else { Ok(()) }
}

fn grantee(role: Option<&Ident>) -> String {
    role.map_or_else(|| "PUBLIC".to_owned(), ToString::to_string)
}

fn before(object: &RightsOn) -> String {
    match object {
        RightsOn::Relation(_) | RightsOn::Sequence(_) | RightsOn::Schema(_) => String::new(),
        RightsOn::FutureTables { owner, schema } => {
            let schema = schema.as_ref().map(|schema| format!(" IN SCHEMA {schema}")).unwrap_or_default();
            format!("ALTER DEFAULT PRIVILEGES FOR ROLE {owner}{schema} ")
        }
    }
}

fn on(object: &RightsOn) -> String {
    match object {
        RightsOn::Relation(name) => name.to_string(),
        RightsOn::Sequence(name) => format!("SEQUENCE {name}"),
        RightsOn::Schema(name) => format!("SCHEMA {name}"),
        RightsOn::FutureTables { .. } => "TABLES".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Change;

    fn ident(text: &str) -> Ident {
        Ident::new(text).unwrap()
    }

    #[test]
    fn rights_go_and_come_back_with_the_right_to_pass_on() {
        let spec = RightsSpec {
            object: RightsOn::FutureTables { owner: ident("Owner"), schema: Some(ident("public")) },
            grantee: None,
            privileges: vec!["INSERT".into(), "SELECT".into()],
            grantable: vec!["SELECT".into()],
        };
        assert_eq!(
            Change::TakeRights(spec.clone()).to_string(),
            r#"ALTER DEFAULT PRIVILEGES FOR ROLE "Owner" IN SCHEMA "public" REVOKE INSERT, SELECT ON TABLES FROM PUBLIC"#
        );
        let back = Change::GiveRights(spec).to_string();
        assert_eq!(back.lines().count(), 2, "{back}");
        assert!(back.ends_with("GRANT SELECT ON TABLES TO PUBLIC WITH GRANT OPTION"), "{back}");
    }

    #[test]
    fn a_view_gets_its_options_back_in_their_order() {
        let view = QualifiedName::new(ident("public"), ident("seen"));
        let back = |options: &[&str]| {
            Change::RestoreOptions { view: view.clone(), options: options.iter().map(|option| (*option).to_owned()).collect() }.to_string()
        };
        assert_eq!(back(&["check_option=local"]), r#"ALTER VIEW "public"."seen" RESET (security_invoker)"#);
        assert!(
            back(&["security_invoker=false", "check_option=local"]).ends_with("SET (security_invoker = 'false', check_option = 'local')")
        );
    }
}
