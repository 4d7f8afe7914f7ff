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
        .map(|leaf| BackupCopy {
            table: leaf.name.clone(),
            copy: copy_name(&leaf.name),
            columns: leaf.columns.iter().filter(|column| !column.generated).map(|column| column.name.clone()).collect(),
            bytes: leaf.bytes,
        })
        .collect();
    copies.sort_by(|a, b| (b.bytes, &a.table).cmp(&(a.bytes, &b.table)));
    copies
}

fn copy_name(table: &QualifiedName) -> QualifiedName {
    let name = Ident::derived(&[&table.schema, &table.name], "copy");
    let schema = Ident::new(SCHEMA).unwrap_or_else(|_| table.schema.clone());
    QualifiedName::new(schema, name)
}
