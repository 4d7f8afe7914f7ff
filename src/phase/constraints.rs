//! Constraints: what the fill has made true is made to stay true, without blocking anybody.

use super::Phase;
use super::keys::{Conversion, KeepsOld, conversions, indexes, referenced_columns, to_registry};
use crate::catalog::{Column, ForeignKey, Key, KeyKind, Table, TableKind};
use crate::config::KeyPolicy;
use crate::plan::{Code, DeadIndex, Place, PlanInput, Planned, Undo};
use crate::rule::ColumnOrigin;
use crate::sql::change::{ExistingRows, ForeignKeySpec, IndexSpec, Uniqueness};
use crate::sql::{Change, Ident, QualifiedName};

pub(super) fn plan(input: &PlanInput<'_>, planned: &mut Planned) {
    // Every table's own constraints come before the foreign keys that rely on them.
    let referenced = referenced_columns(input);
    for target in input.present() {
        let Some(table) = input.catalog.table(&target.table) else { continue };
        for spec in indexes(input, target, &referenced, planned) {
            build_index(input, &spec, planned);
        }
        if target.origin == ColumnOrigin::Added || !table.column(input.column()).is_some_and(|column| column.not_null) {
            not_null(input, &target.table, planned);
        }
        unique_keys(input, table, planned);
        if table.identifying_columns().is_empty() {
            planned.found(Code::T020, &table.name, "no primary key, and no unique key without nulls");
        }
        for index in table.indexes.iter().filter(|index| index.valid && !index.leaky.is_empty()) {
            planned.found(Code::T053, &table.name, format!("{}: {}", index.name.plain(), index.leaky.join(", ")));
            let (name, definition, calls) = (index.name.clone(), index.definition.clone(), index.calls.clone());
            planned.dead_indexes.push(DeadIndex { table: table.name.clone(), name, definition, calls });
        }
        for index in table.indexes.iter().filter(|index| !index.valid) {
            planned.found(Code::T033, &table.name, index.definition.clone());
        }
    }
    // An old key goes under a lock of both its tables. Each at once would keep others to the same parent from being validated beside it.
    let mut old_keys = Planned::default();
    for target in input.present() {
        let Some(table) = input.catalog.table(&target.table) else { continue };
        for member in bearers(input, table) {
            let spec = to_registry(input, &member.name);
            if !member.foreign_keys.iter().any(|key| key.table == spec.parent && key.columns == spec.columns) {
                foreign_key(input, member, &spec, "registry_fkey", "the tenant must exist", planned);
            }
        }
        for conversion in conversions(input, target, planned) {
            composite(input, table, &conversion, planned);
            if conversion.keeps_old == KeepsOld::No {
                drop_old(table, conversion.old, &mut old_keys);
            }
        }
    }
    planned.steps.append(&mut old_keys.steps);
    shared_references(input, planned);
}

fn place<'a>(table: &'a QualifiedName, what: &'a str) -> Place<'a> {
    Place { phase: Phase::Constraints, subject: Some(table), what }
}

/// A table and its children by inheritance: no foreign key comes down to them, unlike to partitions.
fn bearers<'a>(input: &PlanInput<'a>, table: &Table) -> Vec<&'a Table> {
    let mut family = input.catalog.family(&table.name);
    family.retain(|member| member.name == table.name || (member.kind == TableKind::Ordinary && !member.is_partition));
    family
}

/// The same index for every table that holds rows, then one over all of them for a partitioned table.
fn build_index(input: &PlanInput<'_>, spec: &IndexSpec, planned: &mut Planned) {
    let what = format!("index/{}", spec.name.plain());
    let why = match spec.uniqueness {
        Uniqueness::Unique => "the key that tenant-carrying foreign keys reference",
        Uniqueness::Plain => "rows of one tenant are found without reading the others",
    };
    let partitioned = input.catalog.table(&spec.table).is_some_and(|table| table.kind == TableKind::Partitioned);
    for leaf in input.catalog.leaves(&spec.table) {
        let suffix = if spec.uniqueness == Uniqueness::Unique { "key" } else { "idx" };
        let mut parts = vec![&leaf.name.name];
        parts.extend(&spec.columns);
        let leaf_spec = IndexSpec { name: Ident::derived(&parts, suffix), table: leaf.name.clone(), ..spec.clone() };
        // Under a partitioned index it cannot be dropped alone; but that one is taken back before it, with what it has joined.
        let undo = Undo::apply(vec![Change::DropIndex { index: leaf_spec.qualified() }]);
        planned.step(&place(&leaf.name, &what), why, vec![Change::CreateIndex(leaf_spec)], undo);
    }
    if partitioned {
        let join = vec![Change::JoinIndexes(spec.clone())];
        let undo = Undo::apply(vec![Change::DropJoinedIndex { index: spec.qualified() }]);
        planned.step(&place(&spec.table, &what), "joins the partitions' indexes under one", join, undo);
    }
}

/// CHECK NOT VALID → VALIDATE → SET NOT NULL: the table is read under a lock that blocks nobody.
fn not_null(input: &PlanInput<'_>, table: &QualifiedName, planned: &mut Planned) {
    let column = input.column().clone();
    let name = Ident::derived(&[&table.name, &column], "check");
    let table_name = table.clone();
    let check = Change::AddNotNullCheck { table: table_name.clone(), name: name.clone(), column: column.clone() };
    let drop_check = Change::DropConstraint { table: table_name.clone(), name: name.clone(), parent: None };
    planned.step(
        &place(table, "not_null_check"),
        "from here on nothing can be written without a tenant",
        vec![check.clone()],
        Undo::apply(vec![drop_check.clone()]),
    );
    planned.step(
        &place(table, "not_null_validate"),
        "reads the table once to show that every row has a tenant",
        vec![Change::ValidateConstraint { table: table_name.clone(), name, parent: None }],
        Undo::nothing("the check goes"),
    );
    let set = Change::SetNotNull { table: table_name.clone(), column: column.clone() };
    planned.step(
        &place(table, "not_null"),
        "the validated check proves it: no second scan",
        vec![set, drop_check],
        Undo::apply(vec![Change::DropNotNull { table: table_name, column }, check]),
    );
}

fn foreign_key(input: &PlanInput<'_>, table: &Table, spec: &ForeignKeySpec, what: &str, why: &str, planned: &mut Planned) {
    let drop = Change::DropConstraint { table: table.name.clone(), name: spec.name.clone(), parent: Some(spec.parent.clone()) };
    if table.kind == TableKind::Partitioned {
        // A partitioned table takes no NOT VALID key: each partition gets its own, and the table joins them.
        for leaf in input.catalog.leaves(&table.name) {
            let leaf_spec = ForeignKeySpec { table: leaf.name.clone(), ..spec.clone() };
            let drop = Change::DropLeafConstraint { table: leaf.name.clone(), name: spec.name.clone() };
            not_valid_then_validate(&leaf_spec, what, why, Undo::apply(vec![drop]), planned);
        }
        let joined = ForeignKeySpec { existing: ExistingRows::Checked, ..spec.clone() };
        planned.step(&place(&table.name, what), why, vec![Change::AddForeignKey(joined)], Undo::apply(vec![drop]));
        return;
    }
    not_valid_then_validate(spec, what, why, Undo::apply(vec![drop]), planned);
}

fn not_valid_then_validate(spec: &ForeignKeySpec, what: &str, why: &str, undo: Undo, planned: &mut Planned) {
    planned.step(&place(&spec.table, what), why, vec![Change::AddForeignKey(spec.clone())], undo);
    let parent = Some(spec.parent.clone());
    let validate = Change::ValidateConstraint { table: spec.table.clone(), name: spec.name.clone(), parent };
    let what = format!("{what}_validate");
    planned.step(&place(&spec.table, &what), "checks the rows that are there", vec![validate], Undo::nothing("the key goes"));
}

/// Adds the key that carries the tenant, in the place of a simple one.
fn composite(input: &PlanInput<'_>, table: &Table, conversion: &Conversion<'_>, planned: &mut Planned) {
    let old = conversion.old;
    let what = format!("tenant_key/{}", old.name.plain());
    foreign_key(input, table, &conversion.new, &what, "a row and its parent belong to the same tenant", planned);
    if conversion.keeps_old == KeepsOld::Yes {
        planned.keep(&table.name, &old.name, "PostgreSQL 14 needs it for SET NULL, beside the new key");
        return;
    }
    // On the way back the old key returns unvalidated; this step comes after it in reverse order and validates it.
    if table.kind != TableKind::Partitioned
        && old.validated
        && let Some(step) = planned.steps.last_mut()
    {
        let parent = Some(old.table.clone());
        step.undo = Undo::apply(vec![Change::ValidateConstraint { table: table.name.clone(), name: old.name.clone(), parent }]);
    }
}

fn drop_old(table: &Table, old: &ForeignKey, planned: &mut Planned) {
    let mut definition = old.definition.clone();
    if table.kind != TableKind::Partitioned && !definition.ends_with(" NOT VALID") {
        definition.push_str(" NOT VALID");
    }
    let restore = Change::RestoreConstraint { table: table.name.clone(), name: old.name.clone(), definition };
    planned.step(
        &place(&table.name, &format!("old_key/{}", old.name.plain())),
        "the key without the tenant is not needed any more",
        vec![Change::DropConstraint { table: table.name.clone(), name: old.name.clone(), parent: Some(old.table.clone()) }],
        Undo::apply(vec![restore]),
    );
}

fn unique_keys(input: &PlanInput<'_>, table: &Table, planned: &mut Planned) {
    let policies = input.config.tables.get(&table.name).map(|config| &config.unique);
    let policy = |name: &Ident| policies.and_then(|policies| policies.get(name)).copied();
    for key in table.keys.iter().filter(|key| !key.columns.contains(input.column())) {
        match policy(&key.name) {
            Some(KeyPolicy::PerTenant) => per_tenant(input, table, key, planned),
            Some(KeyPolicy::Global) => stays_global(table, key, "tenantize.toml says so", planned),
            None if key.kind == KeyKind::Primary && is_natural(table, key) && !has_parent(input, table, key) => {
                stays_global(table, key, "a primary key names a row for everybody", planned);
            }
            None if key.kind != KeyKind::Primary && is_natural(table, key) => {
                planned.found(Code::T025, &table.name, format!("{} {}", key.name.plain(), key.definition));
            }
            None => {}
        }
    }
    for index in table.indexes.iter().filter(|index| index.unique && !index.constraint) {
        match policy(&index.name) {
            Some(KeyPolicy::PerTenant) => planned.found(
                Code::T006,
                &table.name,
                format!("unique: {} is an index and no constraint; only constraints can become per-tenant", index.name.plain()),
            ),
            Some(KeyPolicy::Global) => {}
            None => planned.found(Code::T025, &table.name, index.definition.clone()),
        }
    }
}

fn stays_global(table: &Table, key: &Key, reason: &str, planned: &mut Planned) {
    planned.found(Code::T052, &table.name, format!("{} {}: {reason}", key.name.plain(), key.definition));
}

/// A key that holds a row's parent repeats only within the parent's tenant.
fn has_parent(input: &PlanInput<'_>, table: &Table, key: &Key) -> bool {
    let to_tenants = table.foreign_keys.iter().filter(|foreign| input.resolved.target(&foreign.table).is_some());
    to_tenants.flat_map(|foreign| &foreign.columns).any(|column| key.columns.contains(column))
}

/// A key whose values mean something to people; surrogate keys cannot collide between tenants.
fn is_natural(table: &Table, key: &Key) -> bool {
    key.columns.iter().filter_map(|name| table.column(name)).any(|column| column.ty != "uuid" && !column.identity && !is_serial(column))
}

fn is_serial(column: &Column) -> bool {
    column.default.as_ref().is_some_and(|default| default.starts_with("nextval("))
}

fn per_tenant(input: &PlanInput<'_>, table: &Table, key: &Key, planned: &mut Planned) {
    let plain = format!("UNIQUE ({})", key.columns.iter().map(sql_name).collect::<Vec<_>>().join(", "));
    if key.kind != KeyKind::Unique || key.deferrable || table.kind == TableKind::Partitioned || key.definition != plain {
        let detail = format!("unique: {} ({}) cannot become per-tenant", key.name.plain(), key.definition);
        return planned.found(Code::T006, &table.name, detail);
    }
    if table.replica_identity == "i" {
        let detail = format!("unique: {} may be the replica identity, which is an index here", key.name.plain());
        return planned.found(Code::T006, &table.name, detail);
    }
    let references = |other: &Table| {
        other.foreign_keys.iter().any(|foreign| foreign.table == table.name && same_columns(&foreign.references, &key.columns))
    };
    if let Some(other) = input.catalog.tables.values().find(|other| references(other)) {
        return planned.found(Code::T013, &table.name, format!("{} is referenced by {}", key.name.plain(), other.name.plain()));
    }
    planned.found(Code::T029, &table.name, format!("{} becomes unique per tenant", key.definition));
    let index = |suffix: &str, columns: Vec<Ident>| IndexSpec {
        name: Ident::derived(&[&table.name.name, &key.name], suffix),
        table: table.name.clone(),
        columns,
        uniqueness: Uniqueness::Unique,
    };
    let swap = |index: &IndexSpec| {
        vec![
            Change::DropConstraint { table: table.name.clone(), name: key.name.clone(), parent: None },
            Change::AddKey { table: table.name.clone(), name: key.name.clone(), index: index.name.clone() },
        ]
    };
    let new = index("tenant", std::iter::once(input.column().clone()).chain(key.columns.iter().cloned()).collect());
    let old = index("global", key.columns.clone());
    planned.step(
        &place(&table.name, &format!("unique_index/{}", key.name.plain())),
        "the index of the per-tenant key",
        vec![Change::CreateIndex(new.clone())],
        Undo::apply(vec![Change::DropIndex { index: new.qualified() }]),
    );
    planned.step(
        &place(&table.name, &format!("unique/{}", key.name.plain())),
        "two tenants may use the same value",
        swap(&new),
        Undo::Concurrent { change: Change::CreateIndex(old.clone()), then: swap(&old) },
    );
}

/// A name as `pg_get_constraintdef` writes it: quoted only where it must be.
fn sql_name(name: &Ident) -> String {
    let plain = name.plain();
    let simple = plain.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && plain.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if simple { plain.to_owned() } else { name.to_string() }
}

fn same_columns(a: &[Ident], b: &[Ident]) -> bool {
    let sorted = |columns: &[Ident]| {
        let mut columns = columns.to_vec();
        columns.sort();
        columns
    };
    sorted(a) == sorted(b)
}

/// Tables without tenants that reference rows of a tenant.
fn shared_references(input: &PlanInput<'_>, planned: &mut Planned) {
    for table in input.catalog.tables.values().filter(|table| input.resolved.target(&table.name).is_none()) {
        let memberships = input.config.memberships.as_ref().is_some_and(|memberships| memberships.table == table.name);
        for key in table.foreign_keys.iter().filter(|key| !memberships && !key.inherited && input.resolved.target(&key.table).is_some()) {
            let detail = format!("{} references {}, whose rows belong to tenants", key.name.plain(), key.table.plain());
            planned.found(Code::T031, &table.name, detail);
        }
    }
}
