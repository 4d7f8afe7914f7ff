//! Every fixture lives through the same: forward, back from every phase, stopped after every step.

use std::collections::BTreeMap;

use crate::support::{PerTenant, Scenario};

const PHASES: [&str; 5] = ["backup", "expand", "backfill", "constraints", "rls"];

/// What the rows of a fixture must belong to, counted by hand.
type Expected = &'static [(&'static str, &'static [(&'static str, i64)])];

/// Runs the fixture without a stop and compares it with what is known of it.
fn whole(fixture: &str, expected: Expected) -> Scenario {
    let scenario = Scenario::new(fixture);
    let before = scenario.other_columns();
    scenario.run();
    assert_eq!(scenario.state(), "finished");
    let row = |(slug, rows): &(&str, i64)| ((*slug).to_owned(), *rows);
    let expected: BTreeMap<String, PerTenant> =
        expected.iter().map(|(table, rows)| ((*table).to_owned(), rows.iter().map(row).collect())).collect();
    assert_eq!(scenario.rows_per_tenant(), expected);
    assert_eq!(scenario.other_columns(), before, "columns other than the tenant's");
    scenario.assert_counters_are_exact();
    scenario
}

/// From each phase the run is taken back, and what was before is there again.
fn back_from_every_phase(fixture: &str) {
    let scenario = Scenario::new(fixture);
    let before = scenario.content();
    // to take back the last phase is to take back all of them
    let phases = if is_chosen(fixture) { &PHASES[..] } else { &PHASES[4..] };
    for phase in phases {
        scenario.tenantize(&["run", "--yes", "--until", phase]);
        scenario.tenantize(&["rollback", "--yes"]);
        scenario.content().assert_same_as(&before, &format!("after {phase} and back"));
    }
    scenario.run();
    let other = Scenario::new(fixture);
    other.run();
    scenario.content().assert_same_as(&other.content(), "after all that, forward once more");
}

/// The program ends after each step; the end is the same as without stops.
fn stop_after_every_step(fixture: &str) {
    let scenario = Scenario::new(fixture);
    scenario.tenantize(&["run", "--yes", "--steps", "1"]);
    let steps = scenario.db().scalar_i64("SELECT count(*) FROM tenantize.steps");
    for done in 1..=steps {
        if scenario.state() == "finished" {
            break;
        }
        assert_eq!(scenario.db().scalar_i64("SELECT count(*) FROM tenantize.steps WHERE state = 'done'"), done);
        scenario.tenantize(&["resume", "--steps", "1"]);
    }
    assert_eq!(scenario.state(), "finished");
    scenario.assert_counters_are_exact();
    let other = Scenario::new(fixture);
    other.run();
    scenario.content().assert_same_as(&other.content(), "step by step");
}

/// From the end back to each phase, and forward from there.
fn back_to_each_phase_and_forward(fixture: &str) {
    let scenario = Scenario::new(fixture);
    scenario.run();
    let end = scenario.content();
    for phase in PHASES.iter().rev().skip(1) {
        scenario.tenantize(&["rollback", "--yes", "--to", phase]);
        scenario.tenantize(&["resume"]);
        assert_eq!(scenario.state(), "finished");
        // back to expand, the values stay in the column until it goes: then nothing is left to write
        if *phase != "expand" {
            scenario.assert_counters_are_exact();
        }
        scenario.content().assert_same_as(&end, &format!("back to {phase} and forward"));
    }
}

/// Lives that take long are lived by some fixtures, and by all when `TENANTIZE_CHAOS=full`.
fn is_chosen(fixture: &str) -> bool {
    const CHOSEN: [&str; 4] = ["shop", "cycle", "weird-names", "partitioned"];
    CHOSEN.contains(&fixture) || std::env::var("TENANTIZE_CHAOS").is_ok_and(|chaos| chaos == "full")
}

macro_rules! lives {
    ($($module:ident $fixture:literal { $($table:literal: $($slug:literal $rows:literal),*;)* })*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn every_row_gets_its_tenant_and_nothing_else_changes() {
                whole($fixture, &[$(($table, &[$(($slug, $rows)),*])),*]);
            }

            #[test]
            fn every_phase_is_taken_back() {
                back_from_every_phase($fixture);
            }

            #[test]
            fn a_stop_after_every_step_changes_nothing() {
                if is_chosen($fixture) {
                    stop_after_every_step($fixture);
                }
            }

            #[test]
            fn it_goes_back_to_each_phase_and_forward_again() {
                if is_chosen($fixture) {
                    back_to_each_phase_and_forward($fixture);
                }
            }
        }
    )*};
}

lives! {
    shop "shop" {
        "public.users": "acme" 20, "default" 20, "globex" 20;
        "public.coupons": "acme" 20, "default" 20, "globex" 20;
        "public.orders": "acme" 200, "default" 200, "globex" 200;
        "public.order_lines": "acme" 600, "default" 600, "globex" 600;
    }
    cycle "cycle" {
        "public.departments": "acme" 2, "globex" 2;
        "public.employees": "acme" 20, "default" 2, "globex" 18;
    }
    composite_key "composite-key" {
        "public.regions": "acme" 2, "default" 2, "globex" 2;
        "public.stores": "acme" 4, "default" 4, "globex" 4;
        "public.sales": "acme" 40, "default" 40, "globex" 40;
    }
    no_primary_key "no-primary-key" {
        "public.customers": "acme" 5, "default" 5;
        "public.events": "acme" 103, "default" 100;
        "public.tags": "acme" 25, "default" 25;
    }
    weird_names "weird-names" {
        r#"Weird Schema."""order""; drop""#: "O'Hara" 2, "the 'default'" 3, "💥" 1;
        "Weird Schema.🦀 crabs": "O'Hara" 20, "the 'default'" 30, "💥" 10;
        "Weird Schema.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaax": "O'Hara" 20, "the 'default'" 30, "💥" 10;
        "Weird Schema.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaay": "O'Hara" 40, "the 'default'" 60, "💥" 20;
        r#"Weird Schema."dot.ted""#: "O'Hara" 40, "the 'default'" 60, "💥" 20;
    }
    partitioned "partitioned" {
        "public.sensors": "acme" 3, "default" 1, "globex" 2;
        "public.measurements": "acme" 300, "default" 100, "globex" 200;
        "public.alerts": "acme" 40, "globex" 20;
    }
    inheritance "inheritance" {
        "public.owners": "acme" 3, "default" 1, "globex" 2;
        "public.vehicles": "acme" 105, "default" 35, "globex" 70;
    }
    constant "constant" {
        "public.users": "default" 100;
        "public.posts": "default" 300;
        "public.comments": "default" 900;
    }
    bigint_registry "bigint-registry" {
        "public.projects": "acme" 3, "globex" 3, "house" 3;
        "public.tasks": "acme" 30, "globex" 30, "house" 30;
    }
    orphans_default "orphans-default" {
        "public.users": "acme" 2, "globex" 2;
        "public.notes": "acme" 40, "default" 10, "globex" 50;
        "public.attachments": "acme" 40, "default" 15, "globex" 50;
    }
    orphans_quarantine "orphans-quarantine" {
        "public.users": "acme" 2, "globex" 2;
        "public.notes": "acme" 40, "globex" 50, "quarantine" 10;
        "public.attachments": "acme" 40, "globex" 50, "quarantine" 15;
    }
    sql_rule "sql-rule" {
        "public.projects": "acme" 10, "default" 10, "globex" 10;
        "public.audit_logs": "acme" 100, "default" 110, "globex" 100;
    }
    several_parents "several-parents" {
        "public.users": "acme" 3, "globex" 3;
        "public.rooms": "acme" 3, "globex" 3;
        "public.messages": "acme" 60, "default" 60, "globex" 60;
    }
    existing_column "existing-column" {
        "public.documents": "acme" 12, "globex" 8;
        "public.drafts": "acme" 5;
        "public.pages": "acme" 120, "globex" 80;
    }
    empty "empty" {
        "public.users": ;
        "public.coupons": ;
        "public.orders": ;
        "public.order_lines": ;
    }
}

/// A table of one tenant costs no row writes: every row lies where it lay, in the version that it was.
#[test]
fn a_constant_table_is_not_written() {
    let scenario = Scenario::new("constant");
    let versions =
        |table: &str| scenario.db().psql(&format!("SELECT count(*), md5(string_agg(ctid::text || xmin, ',' ORDER BY ctid)) FROM {table}"));
    let all = || ["users", "posts", "comments"].map(versions);
    let before = all();
    scenario.run();
    assert_eq!(all(), before);
    assert_eq!(scenario.db().scalar_i64("SELECT count(*) FROM tenantize.fill_chunks"), 0);
    assert_eq!(scenario.db().scalar_i64("SELECT count(*) FROM members"), 100);
}

/// The same end whether a table is filled by a default of the catalog or row by row.
#[test]
fn a_batched_fill_comes_to_the_same_rows() {
    let (constant, batched) = (Scenario::new("constant"), Scenario::new("constant"));
    constant.run();
    batched.tenantize(&["run", "--yes", "--strategy", "batched"]);
    batched.assert_counters_are_exact();
    assert_eq!(batched.content().data, constant.content().data);
}

/// New tenants are taken back from a registry that was there, and its old ones stay.
#[test]
fn an_existing_registry_keeps_its_rows() {
    let scenario = Scenario::new("bigint-registry");
    let accounts = || scenario.db().psql("SELECT id, name, plan FROM accounts ORDER BY id");
    let before = accounts();
    scenario.run();
    assert_eq!(accounts(), format!("{before}\n3|house|internal"));
    scenario.tenantize(&["rollback", "--yes"]);
    assert_eq!(accounts(), before);
    // a key that was used once, perhaps in somebody's bookmark, is never used again
    scenario.db().psql("SELECT setval('accounts_id_seq', 10)");
    scenario.run();
    assert_eq!(scenario.db().scalar_i64("INSERT INTO accounts (name) VALUES ('initech') RETURNING id"), 11);
}

/// No foreign key of a table comes down to its children by inheritance: each gets its own, once, also below two parents.
#[test]
fn children_by_inheritance_are_bound_to_the_registry() {
    let scenario = Scenario::with(
        "inheritance",
        "CREATE TABLE pickups (bed int, PRIMARY KEY (id)) INHERITS (cars, trucks);
         INSERT INTO pickups (id, owner_id, plate) SELECT n, 1 + n % 6, 'P' || n FROM generate_series(401, 412) AS n",
    );
    let before = scenario.content();
    let keys = || {
        scenario.db().psql(
            "SELECT conrelid::regclass, conname, convalidated FROM pg_constraint WHERE contype = 'f' AND confrelid = to_regclass('tenants') ORDER BY conrelid::regclass::text",
        )
    };
    scenario.run();
    let expected = ["cars", "owners", "pickups", "trucks", "vehicles"].map(|table| format!("{table}|{table}_tenant_id_fkey|t"));
    assert_eq!(keys(), expected.join("\n"));
    let verification = scenario.tenantize(&["verify"]);
    scenario.assert_counters_are_exact();
    let asked = verification.stdout.lines().find(|line| line.contains("T502")).unwrap();
    assert!(asked.contains("PASS"), "{verification}");
    scenario.tenantize(&["rollback", "--yes"]);
    scenario.content().assert_same_as(&before, "forward and back");
}
