//! The programs of the page at work: each places orders, fails on purpose, and works through all tenants.

use std::str::FromStr;

use uuid::Uuid;

use super::tenants::{Database, OrderError, count_orders, for_each_tenant, place_order};
use super::{Page, Shop};
use crate::support::cluster;

/// What every program of the page must show, here with Diesel, at any address: the server's or a pooler's.
pub(super) fn diesel(url: &str, jobs: &str, [acme, globex]: [&str; 2]) {
    let [acme, globex] = [acme, globex].map(|key| Uuid::from_str(key).unwrap());
    let db = Database::connect(url, 2).unwrap();
    let before = [acme, globex].map(|tenant| count_orders(&db, tenant).unwrap());
    assert!(before.iter().all(|orders| *orders > 0), "{before:?}");

    place_order(&db, acme, 1, "D1", &["p1", "p2"]).unwrap();
    place_order(&db, globex, 2, "D1", &["p1"]).unwrap();
    let taken = place_order(&db, acme, 1, "D1", &[]);
    assert!(matches!(taken, Err(OrderError::NumberTaken)), "{taken:?}");
    let stranger = place_order(&db, acme, 2, "D2", &[]);
    assert!(because(stranger).contains("violates foreign key"), "a user of globex");
    let half = place_order(&db, acme, 1, "D3", &["p1", "no product"]);
    assert!(because(half).contains("violates foreign key"), "no product");
    assert_eq!([acme, globex].map(|tenant| count_orders(&db, tenant).unwrap()), before.map(|orders| orders + 1));

    let mut seen = 0;
    let mut count = |tenant| {
        let orders = count_orders(&db, tenant)?;
        seen += orders;
        if tenant == globex { place_order(&db, tenant, 1, "D4", &[]).map(|_| ()) } else { Ok::<_, OrderError>(()) }
    };
    let failed = for_each_tenant(&Database::connect(jobs, 1).unwrap(), &mut count).unwrap();
    assert_eq!(failed.iter().map(|(tenant, _)| *tenant).collect::<Vec<_>>(), [globex], "{failed:?}");
    let all = before.iter().sum::<i64>() + 2;
    assert!(seen > all, "the default tenant has orders too: {seen}");
}

/// What the server said.
fn because(refused: Result<i64, OrderError>) -> String {
    match refused.unwrap_err() {
        OrderError::NumberTaken => "the number is taken".to_owned(),
        OrderError::Database(error) => error.to_string(),
        OrderError::Pool(error) => error.to_string(),
    }
}

#[test]
fn the_diesel_program_does_what_the_page_says() {
    let shop = Shop::new();
    shop.follow(&Page::read());
    diesel(&shop.url("application"), &shop.url("jobs"), [&shop.acme, &shop.globex]);
}

#[test]
fn dumps_are_made_by_who_sees_all_and_by_nobody_else() {
    let shop = Shop::new();
    shop.follow(&Page::read());
    let dump = |actor: &str, more: &[&str]| {
        let url = shop.url(actor);
        let lines = ["--data-only", "--table=public.order_lines", "-d", &url];
        cluster().tool("pg_dump", &[&lines, more].concat(), "")
    };
    let rows = |text: &[u8]| String::from_utf8_lossy(text).lines().filter(|line| line.contains("\tp")).count();
    let whole = dump("admin", &[]);
    assert!(whole.status.success() && rows(&whole.stdout) == 1800, "{}", String::from_utf8_lossy(&whole.stderr));
    let bound = dump("application", &[]);
    let said = String::from_utf8_lossy(&bound.stderr);
    assert!(!bound.status.success() && said.contains("query would be affected by row-level security policy"), "{said}");
    let nobody = dump("application", &["--enable-row-security"]);
    assert!(nobody.status.success() && rows(&nobody.stdout) == 0, "{}", String::from_utf8_lossy(&nobody.stderr));
}
