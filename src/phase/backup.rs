//! Backup: a copy of every table that the run changes.

use super::Phase;
use crate::config::BackupMethod;
use crate::plan::{Action, BackupCopy, BackupSpec, Code, Finding, Place, PlanInput, Planned, Undo};
use crate::rule::ColumnOrigin;
use crate::sql::{Change, Ident, QualifiedName};

/// The schema of the copies.
pub(crate) const SCHEMA: &str = "tenantize_backup";

pub(super) fn plan(input: &PlanInput<'_>, planned: &mut Planned) {
    let copies = copies(input);
    if input.config.backup.method == BackupMethod::Off {
        planned.findings.push(Finding::about(Code::T034, "[backup]", "method = \"off\""));
        return;
    }
    let Some(schema) = Ident::new(SCHEMA).ok().filter(|_| !copies.is_empty()) else { return };
    let mut undo: Vec<Change> = copies.iter().map(|copy| Change::DropTable { table: copy.copy.clone() }).collect();
    if input.catalog.schemas.contains_key(&schema) {
        planned.findings.push(Finding::about(
            Code::T014,
            SCHEMA,
            "the schema of the copies exists; drop what an earlier run left with: tenantize clean --backups",
        ));
    }
    undo.push(Change::DropSchema { schema: schema.clone() });
    planned.push(
        &Place { phase: Phase::Backup, subject: None, what: "copies" },
        "copies of all tables under one snapshot, with counts and hashes",
        Action::Backup(BackupSpec { schema, copies }),
        Undo::apply(undo),
    );
}

/// The biggest first, so that the last worker does not end long after the others.
fn copies(input: &PlanInput<'_>) -> Vec<BackupCopy> {
    let targets = input.present().filter(|target| target.origin == ColumnOrigin::Added);
    let mut copies: Vec<BackupCopy> = targets
        .flat_map(|target| input.catalog.leaves(&target.table))
        .map(|leaf| {
            let kept = || leaf.columns.iter().filter(|column| !column.generated);
            BackupCopy {
                table: leaf.name.clone(),
                copy: copy_name(&leaf.name),
                columns: kept().map(|column| column.name.clone()).collect(),
                texts: kept().filter(|column| !is_its_hash(&column.ty)).map(|column| column.name.clone()).collect(),
                bytes: leaf.bytes,
            }
        })
        .collect();
    copies.sort_by(|a, b| (b.bytes, &a.table).cmp(&(a.bytes, &b.table)));
    copies
}

/// Whether values of the type have the same hash only if they are the same to the last byte: 1.0 and 1.00 are equal, and so are 0 and -0.
fn is_its_hash(ty: &str) -> bool {
    const EXACT: [&str; 8] = ["bigint", "boolean", "bytea", "date", "integer", "smallint", "text", "uuid"];
    let sized = ["character varying", "timestamp"].iter().any(|name| ty.starts_with(name)) && !ty.ends_with(']');
    EXACT.contains(&ty) || sized
}

fn copy_name(table: &QualifiedName) -> QualifiedName {
    let name = Ident::derived(&[&table.schema, &table.name], "copy");
    let schema = Ident::new(SCHEMA).unwrap_or_else(|_| table.schema.clone());
    QualifiedName::new(schema, name)
}
