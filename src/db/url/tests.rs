use super::*;

fn url(text: &str) -> DatabaseUrl {
    DatabaseUrl::parse(text).unwrap()
}

fn debian() -> Surroundings {
    Surroundings {
        socket_directory: Some("/var/run/postgresql".into()),
        authorities: Some("/etc/ssl/certs/ca-certificates.crt".into()),
        ..Surroundings::default()
    }
}

/// The connection string without the keepalive defaults.
fn plain(text: &str, surroundings: &Surroundings) -> Result<String, UrlError> {
    let all = url(text).connection_string_in(surroundings)?;
    Ok(all.split(" connect_timeout=").next().unwrap_or_default().to_owned())
}

#[test]
fn no_spelling_shows_its_password() {
    for (text, shown) in [
        ("postgres://app:secret@db/shop", "postgres://app:***@db/shop"),
        ("postgres://app:s%40c%2Fret@db:5433/shop", "postgres://app:***@db:5433/shop"),
        ("postgres://db/shop?user=app&password=secret", "postgres://app:***@db/shop"),
        ("postgres://db/shop?sslpassword=secret&sslmode=require", "postgres://db/shop?sslpassword=***&sslmode=require"),
        ("host=db user=app password='se cret' dbname=shop", "postgres://app:***@db/shop"),
        ("postgres://app:secret@[::1]:5432/shop", "postgres://app:***@[::1]:5432/shop"),
        ("postgres://a:1,b:2/shop", "postgres://a:1,b:2/shop"),
        ("postgres:///shop?host=/tmp/x&port=5433", "postgres:///shop?host=/tmp/x&port=5433"),
        ("postgres://%2Ftmp%2Fx/shop", "postgres:///shop?host=/tmp/x"),
    ] {
        assert_eq!(url(text).redacted().to_string(), shown, "{text}");
        assert!(!format!("{:?}", url(text)).contains("secret"), "{text}");
    }
}

#[test]
fn the_flag_wins_over_environment_dotenv_and_configuration() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(".env"), "DATABASE_URL=postgres://dotenv/x\n").unwrap();
    let bare = Surroundings::default();
    let dotenv = bare.clone().with_dotenv(directory.path());
    let both = dotenv.clone().with("DATABASE_URL", "postgres://variable/x");
    let resolve = |flag, surroundings: &Surroundings| {
        let (url, source) = DatabaseUrl::resolve(flag, surroundings, Some("postgres://config/x")).unwrap();
        (url.redacted().to_string(), source)
    };
    assert_eq!(resolve(Some("postgres://flag/x"), &both), ("postgres://flag/x".into(), UrlSource::Flag));
    assert_eq!(resolve(None, &both), ("postgres://variable/x".into(), UrlSource::Environment));
    assert_eq!(resolve(None, &dotenv), ("postgres://dotenv/x".into(), UrlSource::DotEnv(directory.path().join(".env"))));
    assert_eq!(resolve(None, &bare), ("postgres://config/x".into(), UrlSource::Config));
    assert_eq!(DatabaseUrl::resolve(None, &bare, None), Err(UrlError::Missing));
    assert_eq!(DatabaseUrl::resolve(Some(""), &both, None), Err(UrlError::Empty));
}

#[test]
fn a_login_is_quoted_for_libpq_whatever_it_holds() {
    let other = url("postgres://app:secret@db/shop").with_login("o'brien", r"p@s:s/w%d\ '").with_database("a b");
    let text = other.connection_string_in(&Surroundings::default()).unwrap();
    assert!(text.starts_with(r"user='o\'brien' password='p@s:s/w%d\\ \'' host='db' dbname='a b'"), "{text}");
    assert_eq!(other.redacted().to_string(), "postgres://o%27brien:***@db/a%20b");
}

#[test]
fn timeouts_are_supplied_unless_given() {
    let text = url("postgres://db/shop?keepalives_idle=5").connection_string_in(&debian()).unwrap();
    assert!(text.contains("connect_timeout='10'") && text.contains("keepalives_idle='5'"), "{text}");
    let with_variable = debian().with("PGCONNECT_TIMEOUT", "3");
    assert!(!url("postgres://db/shop").connection_string_in(&with_variable).unwrap().contains("connect_timeout"));
    assert!(!url("service=shop").connection_string_in(&debian()).unwrap().contains("keepalives"));
}

#[test]
fn a_url_without_host_finds_the_socket_of_the_machine() {
    assert_eq!(plain("postgres:///shop", &debian()).unwrap(), "dbname='shop' host='/var/run/postgresql'");
    assert_eq!(plain("postgres:///shop", &debian().with("PGHOST", "db")).unwrap(), "dbname='shop'");
    assert_eq!(plain("postgres:///shop?hostaddr=10.0.0.1", &debian()).unwrap(), "dbname='shop' hostaddr='10.0.0.1'");
    let system = Surroundings { libpq: Libpq::System, ..debian() };
    assert_eq!(plain("postgres:///shop", &system).unwrap(), "dbname='shop'");
}

#[test]
fn the_system_store_becomes_a_file_and_still_checks_the_host() {
    let expected = "host='db' dbname='shop' sslrootcert='/etc/ssl/certs/ca-certificates.crt' sslmode='verify-full'";
    assert_eq!(plain("postgres://db/shop?sslrootcert=system", &debian()).unwrap(), expected);
    let by_variable = plain("postgres://db/shop", &debian().with("PGSSLROOTCERT", "system")).unwrap();
    assert!(by_variable.contains("sslmode='verify-full'") && by_variable.contains("ca-certificates.crt"), "{by_variable}");
}

#[test]
fn the_system_store_with_a_weaker_mode_is_refused_as_libpq_does() {
    let weak = UrlError::WeakSslMode { sslmode: "require".into() };
    assert_eq!(plain("postgres://db/shop?sslrootcert=system&sslmode=require", &debian()), Err(weak.clone()));
    assert_eq!(plain("postgres://db/shop?sslrootcert=system", &debian().with("PGSSLMODE", "require")), Err(weak));
}

#[test]
fn the_system_store_is_left_alone_when_openssl_was_told_or_is_the_systems() {
    let told = debian().with("SSL_CERT_FILE", "/my.pem");
    let system = Surroundings { libpq: Libpq::System, ..debian() };
    for surroundings in [told, system] {
        let text = plain("postgres://db/shop?sslrootcert=system", &surroundings).unwrap();
        assert_eq!(text, "host='db' dbname='shop' sslrootcert='system'");
    }
}

#[test]
fn required_gssapi_names_the_way_out() {
    let error = plain("postgres://db/shop?gssencmode=require", &debian()).unwrap_err();
    assert_eq!(error, UrlError::NoGssapi);
    assert!(error.hint().contains("--no-default-features"));
    assert_eq!(plain("postgres://db/shop", &debian().with("PGGSSENCMODE", "require")), Err(UrlError::NoGssapi));
}

#[test]
fn messages_of_others_are_scrubbed() {
    let address = url("postgres://app:s%40cret@db/shop");
    assert_eq!(address.scrub("bad s@cret or s%40cret"), "bad *** or ***");
    let same = url("postgres://postgres:postgres@db/shop");
    assert_eq!(same.scrub(r#"role "postgres""#), r#"role "postgres""#);
}
