//! Programs read standard output, people standard error, and nobody a password.

use serde_json::Value;

use super::{Case, no_secret, refused};
use crate::support::Output;

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

#[test]
fn json_stands_alone_on_standard_output() {
    let case = Case::new();
    assert_eq!(json(&case.accepts("check --format json"))["blockers"], 0);
    assert_eq!(json(&case.accepts("plan --format json"))["v"], 1);
    case.accepts("run --yes --until expand");
    assert_eq!(json(&case.accepts("status --format json"))["state"], "stopped");
    let events = case.accepts("resume --progress json");
    let events: Vec<Value> =
        events.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {events}"))).collect();
    assert!(events.iter().all(|event| event["v"] == 1 && event["event"].is_string()), "{events:?}");
    assert_eq!(json(&case.accepts("status --format json"))["state"], "finished");
    let back = case.accepts("rollback --yes --progress json");
    assert!(back.stdout.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{back}");
}

#[test]
fn json_of_a_blocked_plan_is_json_too() {
    let case = Case::new();
    case.config("public.plans", "public.planz");
    for command in ["check --format json", "plan --format json"] {
        let output = case.refuses(command, 3, &["T002"]);
        assert!(json(&output)["findings"].as_array().is_some_and(|findings| findings.len() >= 2), "{output}");
    }
}

#[test]
fn the_password_is_shown_at_no_level_of_talk() {
    let case = Case::new();
    for command in ["check -v", "check -vv", "plan -vv --full", "run --yes -vv", "status -vv", "rollback --yes -vv", "clean --yes -vv"] {
        no_secret(&case.accepts(command));
    }
    let flag = case.cli_at("postgres://other@127.0.0.1:1/x", "check -vv").args(["--database-url", &case.url()]).run();
    assert!(flag.ok(), "{flag}");
    no_secret(&flag);
    case.accepts("run --yes --progress none");
    let found = "SELECT count(*) FROM tenantize.runs AS r WHERE r::text LIKE '%hunter2%'";
    assert_eq!(case.db.scalar_i64(found), 0, "the journal knows the password");
}

#[test]
fn help_does_not_show_the_database_of_the_environment() {
    let case = Case::new();
    for command in ["--help", "run --help", "verify --help", "-h"] {
        no_secret(&case.accepts(command));
    }
}

#[test]
fn an_argument_that_is_wrong_is_a_matter_of_the_command_line() {
    let case = Case::new();
    for command in ["rum", "run --jobs 0", "run --batch-time soon", "run --until never", "plan --format xml", "check extra"] {
        let output = case.cli(command).run();
        assert_eq!(output.code(), Some(2), "{output}");
        assert!(output.stderr.starts_with("error: ") && output.stdout.is_empty(), "{output}");
        no_secret(&output);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let case = Case::new();
    let program = env!("CARGO_BIN_EXE_tenantize");
    let script = format!("'{program}' plan --full --database-url \"$URL\" | head -n 1; exit ${{PIPESTATUS[0]}}");
    let done =
        std::process::Command::new("bash").args(["-c", &script]).env("URL", case.url()).current_dir(case.dir.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    refused(&case.cli("plan --config nothing.toml").run(), 2, &["cannot read nothing.toml"]);
}
