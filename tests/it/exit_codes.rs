//! `docs/exit-codes.md` lists every exit code, and the program gives no other.

use std::collections::BTreeSet;

use tenantize::error::Error;

const PAGE: &str = include_str!("../../docs/exit-codes.md");
const SOURCE: &str = include_str!("../../src/error.rs");

fn documented() -> BTreeSet<u8> {
    PAGE.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.trim_matches('*').parse().ok()).collect()
}

#[test]
fn the_page_lists_all_codes_and_no_others() {
    assert_eq!(documented(), (0..=8).collect());
    // the arms of Error::code(), each of which ends with its number
    let body = SOURCE.split("pub fn code(&self) -> u8 {").nth(1).unwrap().split("\n    }\n").next().unwrap();
    let given: BTreeSet<u8> =
        body.lines().filter_map(|line| line.rsplit_once("=> ")?.1.trim_end_matches([',', ' ', '}']).parse().ok()).collect();
    assert_eq!(given, (1..=8).collect(), "{body}");
}

#[test]
fn what_is_no_errors_fault_but_the_requests_has_a_code_of_its_own() {
    let codes = [
        (Error::Blocked(2), 3),
        (Error::Verification("1 leak".into()), 4),
        (Error::Stopped, 5),
        (Error::Drift { what: "the schema", detail: String::new() }, 8),
        (Error::Usage { message: String::new(), hint: String::new() }, 2),
        (Error::Nothing { message: String::new(), next: "" }, 2),
        (Error::Unfinished { run: 1, state: "stopped", next: "" }, 2),
        (Error::Other(String::new()), 1),
    ];
    for (error, code) in codes {
        assert_eq!(error.code(), code, "{error:?}");
    }
}
