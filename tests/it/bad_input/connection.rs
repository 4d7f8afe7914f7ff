//! The database is not given, not there or not as it should be.

use tenantize::db::{ConnectError, DatabaseUrl};
use tenantize::error::Error;

use super::{CONFIG, Case, SECRET, refused, with_secret};
use crate::support::Cli;
use crate::tls::Net;

/// Every command that connects.
const COMMANDS: [&str; 7] = ["check", "plan", "run --yes", "resume", "status", "rollback --yes", "clean --yes"];

#[test]
fn without_a_database_every_command_says_where_to_name_one() {
    let case = Case::new();
    for command in COMMANDS.into_iter().chain(["init --stdout", "verify"]) {
        let output = Cli::new().args(command.split(' ')).args(["--color", "never"]).dir(case.dir.path()).run();
        refused(&output, 2, &["--database-url", "DATABASE_URL", "tenantize.toml"]);
    }
}

#[test]
fn an_address_that_leads_nowhere_is_named_without_its_password() {
    let case = Case::new();
    for command in COMMANDS {
        let url = format!("postgres://app:{SECRET}@127.0.0.1:1/shop");
        let output = case.cli_at(&url, command).run();
        refused(&output, 1, &["no server answers at postgres://app:***@127.0.0.1:1/shop", "check host, port and firewall"]);
    }
}

#[test]
fn an_address_that_cannot_be_read_is_not_repeated() {
    let case = Case::new();
    for url in [format!("mysql://app:{SECRET}@localhost/shop"), format!("postgres://app:{SECRET}@x@localhost/shop"), format!("{SECRET} x")]
    {
        refused(&case.cli_at(&url, "check").run(), 2, &[]);
        refused(&case.cli("check").args(["--database-url", &url]).run(), 2, &[]);
    }
}

#[test]
fn a_database_that_does_not_exist_is_named() {
    let case = Case::new();
    let url = case.url().replace(case.db.name(), "no_such_database");
    case.refuses_at(&url, "check", 2, &["no_such_database", "does not exist", "check the name after the last /"]);
}

#[test]
fn a_wrong_password_and_a_server_without_tls_are_told_apart() {
    let (net, case) = (Net::start(), Case::new());
    let url = format!("postgres://app:{SECRET}@127.0.0.1:{}/postgres", net.port());
    for flag in ["check", "check -vv"] {
        refused(&case.cli_at(&url, flag).run(), 2, &["the login of", "check user, password and pg_hba.conf"]);
    }
    let output = case.cli_at(&format!("{url}?sslmode=verify-full&sslrootcert=system"), "check").run();
    refused(&output, 2, &["no secure connection to", "check sslmode and sslrootcert"]);
}

#[test]
fn postgresql_13_is_refused_by_its_version() {
    let url = DatabaseUrl::parse(&with_secret("postgres://app@db/shop")).unwrap().redacted();
    let version = tenantize::db::ServerVersion::new(130_022);
    assert!(!version.is_supported());
    let error = Error::Connect(ConnectError::TooOld { url, version });
    assert_eq!(error.code(), 2);
    assert_eq!(error.to_string(), "postgres://app:***@db/shop runs PostgreSQL 13.22, and tenantize needs 14 or later");
    assert_eq!(error.hint().as_deref(), Some("upgrade the server first"));
}

#[test]
fn an_address_in_the_configuration_is_kept_secret_too() {
    let case = Case::new();
    let line = format!("version = 1\ndatabase_url = \"postgres://app:{SECRET}@127.0.0.1:1/shop\"\n");
    case.file("tenantize.toml", CONFIG.replace("version = 1\n", &line));
    let check = |text: &str| Cli::new().args(text.split(' ')).args(["--color", "never"]).dir(case.dir.path()).run();
    refused(&check("check -vv"), 1, &["no server answers"]);
    // a message about the file must not quote the line with the password
    case.config("version = 1\n", "version = 1\nschema = 1\n");
    refused(&check("check"), 2, &["schema"]);
    case.config("schema = 1\n", "");
    case.config("@127.0.0.1", "@127.0.0.1\n");
    refused(&check("check"), 2, &[]);
}
