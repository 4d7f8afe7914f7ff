//! The signed tenant: `signature|key|expiry|tenant`, where the signature is HMAC-SHA-256 of the rest.

use super::functions::{Function, set};
use super::membership::DEFINER;
use crate::sql::backup::revoke_all;
use crate::sql::{Ident, KeyType, QualifiedName, Text};

const CURRENT: &str = include_str!("signed_current.sql");
const SIGN: &str = include_str!("signed_sign.sql");
const ROTATE: &str = include_str!("signed_rotate.sql");
const CLOSE: &str = include_str!("signed_close.sql");

pub(super) fn functions(name: &str, ty: KeyType) -> Vec<Function> {
    let filled = |template: &str| {
        let text = template.trim_end().replace("{definer}", DEFINER).replace("{ty}", ty.sql());
        text.replace("{setting}", &Text(name).to_string())
    };
    vec![
        ("tenancy.current_tenant_id()".into(), filled(CURRENT)),
        (format!("tenancy.sign({ty}, interval)"), filled(SIGN)),
        ("tenancy.rotate_signing_key()".into(), filled(ROTATE)),
        set("set_tenant", "token", name, "text"),
    ]
}

/// The table of keys, which only its owner reads: not the keys themselves, but what HMAC makes of them.
pub(super) fn create_keys() -> String {
    let close = keys().map(|table| format!(";\nALTER TABLE {table} ENABLE ROW LEVEL SECURITY;\n{}", revoke_all(&table)));
    format!(
        "CREATE TABLE tenancy.signing_keys (\n  id int PRIMARY KEY,\n  inner_pad bytea NOT NULL,\n  outer_pad bytea NOT NULL,\n  \
         made_at timestamptz NOT NULL DEFAULT now()\n){}",
        close.unwrap_or_default()
    )
}

fn keys() -> Option<QualifiedName> {
    Some(QualifiedName::new(Ident::new("tenancy").ok()?, Ident::new("signing_keys").ok()?))
}

/// Takes the functions that sign from everybody, and lets the server make up the first key: nobody ever sees it.
pub(super) fn first_key() -> String {
    format!("{};\nSELECT tenancy.rotate_signing_key()", CLOSE.trim_end())
}

pub(super) fn drop_keys() -> String {
    "DROP TABLE tenancy.signing_keys".to_owned()
}
