//! CSV files that are wrong in every way, and those that only look so.

use super::Case;

#[test]
fn every_line_that_cannot_be_used_is_listed_with_its_reason() {
    let case = Case::new();
    let mut file = b"id,tenant\n1,acme\n2,nobody\n1,globex\nthree,acme\n4\n5,acme,more\n".to_vec();
    file.extend(b"\xff\xfe,acme\n,acme\n6,globex\n");
    case.file("users.csv", file);
    let rejected = [
        (3, "there is no tenant `nobody`"),
        (4, "the key 1 is there already, in line 2"),
        (5, "invalid input syntax for type bigint"),
        (6, "2 fields are expected, 1 are there"),
        (7, "2 fields are expected, 3 are there"),
        (8, "it is not UTF-8"),
        (9, "the key is empty"),
    ];
    case.blocked("T010", &["7 lines of users.csv; the first is line 3: there is no tenant `nobody`", "users.csv.rejected.csv"]);
    let list = case.read("users.csv.rejected.csv");
    let mut lines = list.lines();
    assert_eq!(lines.next(), Some("line,reason"));
    for (line, reason) in rejected {
        let said = lines.next().unwrap_or_default();
        assert!(said.starts_with(&format!("{line},")) && said.contains(reason), "line {line}: {list}");
    }
    assert_eq!(lines.next(), None, "{list}");

    // a list of an earlier try would say what is not so any more
    case.file("users.csv", "id,tenant\n1,acme\n");
    case.accepts("check");
    assert!(!case.dir.path().join("users.csv.rejected.csv").exists());
}

#[test]
fn a_header_that_does_not_fit_names_the_one_that_does() {
    let case = Case::new();
    for header in ["tenant,id", "id", "id;tenant", "id,tenant,more", "1,acme", ""] {
        case.file("users.csv", format!("{header}\n1,acme\n"));
        case.refuses("run --yes", 2, &["users.csv: the first line must be `id,tenant`", "the second is called tenant"]);
    }
}

#[test]
fn a_file_that_is_missing_is_named() {
    let case = Case::new();
    case.config("csv = \"users.csv\"", "csv = \"no such.csv\"");
    case.refuses("run --yes", 2, &["cannot read no such.csv", "No such file", "correct the name in `csv`"]);
    case.config("csv = \"tenants.csv\"", "csv = \"none.csv\"");
    case.refuses("run --yes", 2, &["cannot read none.csv", "No such file", "correct `csv` in [tenants]"]);
}

#[test]
fn marks_line_ends_and_quotes_of_other_programs_are_normal() {
    let case = Case::of(
        "CREATE TABLE users (id text PRIMARY KEY); INSERT INTO users VALUES (E'two\\nlines'), ('with, comma'), ('with \"quote\"'), ('é');
         CREATE TABLE projects (id bigint PRIMARY KEY, owner_id text REFERENCES users); CREATE TABLE plans (code text PRIMARY KEY);",
    );
    let rows = "\"two\nlines\",acme\r\n\"with, comma\",globex\r\n\r\n\"with \"\"quote\"\"\",acme\r\n\"é\",globex";
    for header in ["\u{feff}id,tenant", "\u{feff}\"id\",\"tenant\"", "\"id\",tenant"] {
        case.file("users.csv", format!("{header}\r\n{rows}"));
        let check = case.accepts("check");
        assert!(!check.stdout.contains("T010") && !check.stdout.contains("T028"), "{check}");
    }
    case.file("tenants.csv", "\u{feff}\"slug\",\"name\"\r\nacme,\"Acme,\nInc.\"\r\nglobex,Globex\r\n");
    let plan: serde_json::Value = serde_json::from_str(&case.accepts("plan --format json").stdout).unwrap();
    let text = plan.to_string();
    assert!(text.contains("Acme,\\nInc."), "{text}");
    assert!(text.contains(r#""acme":2"#) && text.contains(r#""globex":2"#), "{text}");
}

#[test]
fn a_tenant_that_is_there_twice_or_has_no_slug_is_named_by_its_line() {
    let case = Case::new();
    for (file, part) in [
        ("slug,name\nacme,A\nglobex,G\nacme,B\n", "tenants.csv, line 4: the tenant `acme` is there twice"),
        ("name\nAcme\n", "tenants.csv, line 1: the header has no column `slug`"),
        ("slug,name\n,Acme\n", "tenants.csv, line 2: a tenant needs a slug"),
        ("slug,id\nacme,seven\nglobex,8\n", "tenants.csv, line 2: `seven` is no uuid"),
        ("slug,name\nacme,A,B\n", "cannot read tenants.csv"),
        ("slug,colour\nacme,red\nglobex,blue\n", "`colour`, which is no column of public.tenants"),
    ] {
        case.file("tenants.csv", file);
        case.refuses("run --yes", 2, &[part]);
    }
}

#[test]
fn a_registry_that_asks_for_more_than_the_file_has_is_named() {
    let case = Case::new();
    case.db.psql("CREATE TABLE accounts (id bigint PRIMARY KEY, slug text UNIQUE, name text NOT NULL, country text NOT NULL)");
    case.config("public.tenants", "public.accounts");
    let parts = ["the tenant `default` needs a value for `country`, which must not be empty in public.accounts", "correct [tenants]"];
    case.refuses("run --yes", 2, &parts);
    case.db.psql("ALTER TABLE accounts ALTER country SET DEFAULT 'CH'");
    case.accepts("check");
    case.db.psql("ALTER TABLE accounts DROP CONSTRAINT accounts_pkey");
    case.refuses("run --yes", 2, &["the column `id` is not its primary key"]);
}

#[test]
fn keys_that_no_row_has_are_a_warning() {
    let case = Case::new();
    case.file("users.csv", "id,tenant\n1,acme\n2,globex\n77,acme\n");
    let check = case.accepts("check");
    assert!(check.stdout.contains("warning[T028]") && check.stdout.contains("1 of 3 in users.csv"), "{check}");
}

/// Two texts with different collations cannot be compared: a map's key has the one of its column, also where lines are sorted out.
#[test]
fn keys_have_the_collation_of_their_column() {
    for file in ["id,tenant\nb,acme\nB,globex\n", "id,tenant\nb,acme\nB,globex\nb,globex\n"] {
        let case = Case::of(
            "CREATE TABLE users (id text COLLATE \"C\" PRIMARY KEY); INSERT INTO users VALUES ('a'), ('b'), ('B');
             CREATE TABLE projects (id bigint PRIMARY KEY, owner_id text COLLATE \"C\" REFERENCES users); CREATE TABLE plans (code text PRIMARY KEY);",
        );
        case.file("users.csv", file);
        if file.matches("\nb,").count() > 1 {
            case.blocked("T010", &["1 line of users.csv; the first is line 4: the key b is there already, in line 2"]);
        } else {
            case.accepts("run --yes");
            let tenants =
                "SELECT string_agg(u.id || ' ' || t.slug, ', ' ORDER BY u.id) FROM users AS u JOIN tenants AS t ON t.id = u.tenant_id";
            assert_eq!(case.db.psql(tenants), "B globex, a default, b acme");
        }
    }
}
