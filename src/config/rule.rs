//! Rules: how the rows of a table get their tenant.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

use crate::sql::{Ident, QualifiedName};

/// One way to find the tenant of a row. A table may have several; the first that yields a tenant wins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Every row belongs to one tenant, named by its slug; `default` is the default tenant.
    Tenant(String),
    /// The table already has a filled tenant column, or is created with one by an expand migration.
    Column,
    /// A CSV file with the header `<key>,tenant` names the tenant of each key.
    Csv {
        /// The file, relative to the configuration.
        file: String,
        /// The column of the table that the file's first column holds.
        key: Ident,
    },
    /// The row belongs to the tenant of a parent row.
    Parent {
        /// The parent table.
        table: QualifiedName,
        /// The columns of the child that reference the parent; empty = by the one foreign key.
        via: Vec<Ident>,
    },
    /// An expression over the row `t` that yields a tenant key or null.
    Sql(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    csv: Option<String>,
    key: Option<Ident>,
    otherwise: Option<String>,
    parent: Option<QualifiedName>,
    #[serde(default)]
    via: Vec<Ident>,
    sql: Option<String>,
}

impl RuleTable {
    fn into_rules(self) -> Result<Vec<Rule>, String> {
        let mut rules = match (self.csv, self.parent, self.sql) {
            (Some(file), None, None) => {
                let key = self.key.ok_or("a csv rule needs `key`: the column of the table that the file's first column holds")?;
                vec![Rule::Csv { file, key }]
            }
            (None, Some(table), None) => vec![Rule::Parent { table, via: self.via }],
            (None, None, Some(sql)) => vec![Rule::Sql(sql)],
            _ => return Err("a rule has exactly one of `csv`, `parent` and `sql`".into()),
        };
        rules.extend(self.otherwise.map(Rule::Tenant));
        Ok(rules)
    }
}

/// The rules of one table, as written: a name, a table, or a list of both.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Rule>, D::Error> {
    deserializer.deserialize_any(RulesVisitor)
}

struct Rules(Vec<Rule>);

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer).map(Self)
    }
}

struct RulesVisitor;

impl<'de> Visitor<'de> for RulesVisitor {
    type Value = Vec<Rule>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the slug of a tenant, \"default\", \"column\", { csv = … }, { parent = … }, { sql = … } or a list of these")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(vec![if name == "column" { Rule::Column } else { Rule::Tenant(name.to_owned()) }])
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        RuleTable::deserialize(MapAccessDeserializer::new(map))?.into_rules().map_err(A::Error::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut rules = Vec::new();
        while let Some(Rules(more)) = seq.next_element()? {
            rules.extend(more);
        }
        Ok(rules)
    }
}
