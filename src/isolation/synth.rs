//! Rows that are thought up: where a tenant has none, the session writes one under that tenant and attacks it.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use uuid::Uuid;

use super::scout::texts;
use super::target::Target;
use crate::catalog::{Column, ForeignKey};
use crate::sql::attack::{Lookup, Value, lookup, sample};
use crate::sql::{Ident, QualifiedName, TenantKey};

/// Keys that no application draws, one for each of two tenants.
const NUMBERS: [i64; 2] = [-1_987_654_322, -1_987_654_323];
const SMALL: [i64; 2] = [-31_998, -31_999];

/// Which of two rows is thought up, so that they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    First,
    Second,
}

/// A value of a type that a key can have, and that nobody has.
pub(super) fn fresh(ty: &str, which: Which) -> Option<String> {
    let at = usize::from(which == Which::Second);
    match ty {
        "uuid" => Some(Uuid::new_v4().to_string()),
        "bigint" | "integer" | "numeric" => Some(NUMBERS[at].to_string()),
        "smallint" => Some(SMALL[at].to_string()),
        "text" | "citext" | "character varying" => Some(format!("tenantize-{}", Uuid::new_v4().simple())),
        _ => {
            let length = ty.strip_prefix("character varying(").or_else(|| ty.strip_prefix("character("))?;
            let length: usize = length.trim_end_matches(')').parse().ok()?;
            Uuid::new_v4().simple().to_string().get(..length.min(32)).map(str::to_owned)
        }
    }
}

/// Some value of a type, for a column that must not be null and has no default.
fn filler(ty: &str) -> Option<String> {
    let text = match ty {
        "text" | "citext" => "tenantize",
        "boolean" => "false",
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => "1",
        "date" => "2000-01-01",
        "json" | "jsonb" => "{}",
        _ if ty.starts_with("timestamp") => "2000-01-01 00:00:00",
        _ if ty.starts_with("numeric(") => "1",
        _ if ty.ends_with("[]") => "{}",
        _ => return fresh(ty, Which::First),
    };
    Some(text.into())
}

/// The values of a new row of `tenant`, for the tool's own session to think up and for the attacker to write.
///
/// None when a parent that the row needs is not there, or when a column's type is not known.
pub(super) fn new_row(
    admin: &mut PgConnection,
    target: &Target<'_>,
    parents: &BTreeMap<QualifiedName, Ident>,
    (tenant, which): (&TenantKey, Which),
) -> QueryResult<Option<Vec<Value>>> {
    let table = target.table;
    let donor: Vec<Option<String>> = texts(admin, &sample(&table.name, &target.prey.columns))?.unwrap_or_default();
    let mut values: BTreeMap<Ident, Option<String>> = BTreeMap::new();
    for key in table.foreign_keys.iter().filter(|key| parents.contains_key(&key.table)) {
        match parent(admin, key, &parents[&key.table], (&target.prey.column, tenant))? {
            Some(found) => values.extend(found),
            None if nullable(target, key) => values.extend(free(target, key).map(|column| (column.clone(), None))),
            None => return Ok(None),
        }
    }
    values.insert(target.prey.column.clone(), Some(tenant.text.clone()));
    let in_keys: BTreeSet<&Ident> = table
        .keys
        .iter()
        .flat_map(|key| &key.columns)
        .chain(table.indexes.iter().filter(|index| index.unique).flat_map(|index| index.columns.iter().flatten()))
        .filter(|name| !target.prey.route.contains(name))
        .collect();
    for (at, name) in target.prey.columns.iter().enumerate() {
        let Some(column) = table.column(name).filter(|_| !values.contains_key(name)) else { continue };
        let unique = in_keys.contains(name).then(|| fresh(&column.ty, which)).flatten();
        match (unique, donor.get(at)) {
            (Some(text), _) => values.insert(name.clone(), Some(text)),
            (None, Some(text)) => values.insert(name.clone(), text.clone()),
            (None, None) => match made_up(column) {
                MadeUp::Value(text) => values.insert(name.clone(), text),
                MadeUp::Default => continue,
                MadeUp::Impossible => return Ok(None),
            },
        };
    }
    Ok(Some(values.into_iter().map(|(column, text)| Value { column, text }).collect()))
}

enum MadeUp {
    Value(Option<String>),
    Default,
    Impossible,
}

fn made_up(column: &Column) -> MadeUp {
    if column.default.is_some() || column.identity {
        return MadeUp::Default;
    }
    if !column.not_null {
        return MadeUp::Value(None);
    }
    filler(&column.ty).map_or(MadeUp::Impossible, |text| MadeUp::Value(Some(text)))
}

/// The columns of a foreign key that are not the tenant's.
fn free<'a>(target: &'a Target<'_>, key: &'a ForeignKey) -> impl Iterator<Item = &'a Ident> {
    key.columns.iter().filter(|column| **column != target.prey.column)
}

fn nullable(target: &Target<'_>, key: &ForeignKey) -> bool {
    free(target, key).all(|name| target.table.column(name).is_some_and(|column| !column.not_null))
}

/// Columns and what they are given.
type Given = Vec<(Ident, Option<String>)>;

/// The key of some parent row of the tenant.
fn parent(
    admin: &mut PgConnection,
    key: &ForeignKey,
    parents_tenant: &Ident,
    (own, tenant): (&Ident, &TenantKey),
) -> QueryResult<Option<Given>> {
    let pairs: Vec<(&Ident, &Ident)> = key.columns.iter().zip(&key.references).filter(|(column, _)| *column != own).collect();
    let references: Vec<Ident> = pairs.iter().map(|(_, reference)| (*reference).clone()).collect();
    if references.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let found = texts(admin, &lookup(&Lookup { table: &key.table, tenant: parents_tenant, columns: &references }, tenant, None))?;
    Ok(found.map(|texts| pairs.iter().map(|(column, _)| (*column).clone()).zip(texts).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_key_fits_its_type() {
        assert_eq!(fresh("character varying(8)", Which::First).unwrap().len(), 8);
        assert_ne!(fresh("bigint", Which::First), fresh("bigint", Which::Second));
        assert_ne!(fresh("uuid", Which::First), fresh("uuid", Which::First));
        assert_eq!(fresh("tsvector", Which::First), None);
        assert_eq!(filler("numeric(10,2)").as_deref(), Some("1"));
        assert_eq!(filler("tsvector"), None);
    }
}
