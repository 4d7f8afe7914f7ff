//! The session that attacks: a real login of the application's role.

use std::fmt;

use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use postgres_protocol::password::scram_sha_256;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::options::Reach;
use crate::db::{ConnectError, Database, DatabaseUrl};
use crate::sql::Ident;
use crate::sql::attack::{Access, begin_at, create_probe, drop_probe, set_role};

const PREFIX: &str = "tenantize_probe_";
/// The session waits for nobody, and nobody for it; its rows are filtered, as the application's are.
const SETTINGS: &str = "SET lock_timeout = '1s'; SET application_name = 'tenantize verify'; SET row_security = on; \
                        SET client_min_messages = error; SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0; \
                        SET standard_conforming_strings = on";
const WHO: &str = "SELECT current_user::text AS text";
/// Whether the connected role is, or can become, one whose rights nobody else's code may have.
const STRONG: &str = include_str!("queries/strong.sql");
const HINT: &str = "give the application's login by --app-url";
const UNTIL: &str = "SELECT (now() + interval '10 minutes')::text AS text";
const LEFTOVERS: &str = include_str!("queries/leftovers.sql");

/// How the attacking session came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// A login made for the purpose, member of the application's role.
    Login,
    /// The application's own login.
    Given,
    /// `SET ROLE` in a session of a tool without great rights: policies count, the session's other rights are the tool's.
    SetRole,
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "a login of its own",
            Self::Given => "the application's login",
            Self::SetRole => "SET ROLE",
        })
    }
}

/// Who attacked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attacker {
    /// The role whose isolation is tested.
    pub role: String,
    /// How the session came to be.
    pub means: Means,
    /// Why not as a login, if it did not.
    pub note: Option<String>,
}

/// The attacking session. The role that was made for it goes with it.
pub(super) struct Session {
    pub(super) conn: PgConnection,
    pub(super) attacker: Attacker,
    _probe: Option<Probe>,
}

#[derive(QueryableByName)]
struct One {
    #[diesel(sql_type = Text)]
    text: String,
}

#[derive(QueryableByName)]
struct Strong {
    #[diesel(sql_type = Bool)]
    strong: bool,
}

impl Session {
    /// Logs in as a member of `role`, or becomes it where the tool's own role has nothing that code of others could take.
    pub(super) fn of_role(db: &Database, role: &Ident) -> Result<Self, String> {
        let attacker = |means, note| Attacker { role: role.plain().to_owned(), means, note };
        match login(db, role) {
            Ok((conn, probe)) => Ok(Self { conn, attacker: attacker(Means::Login, None), _probe: Some(probe) }),
            Err(reason) => {
                let mut conn = db.connect_dedicated().map_err(|error| error.to_string())?;
                let strong: Strong = diesel::sql_query(STRONG).get_result(&mut conn).map_err(|error| error.to_string())?;
                if strong.strong {
                    // Whatever an attack calls can take SET ROLE back, and is then the role that is connected.
                    return Err(format!("no login could be made: {reason}; SET ROLE is for weaker roles than the connected one: {HINT}"));
                }
                conn.batch_execute(SETTINGS).map_err(|error| error.to_string())?;
                set_role(role).run(&mut conn).map_err(|error| format!("{reason}; {error}"))?;
                Ok(Self { conn, attacker: attacker(Means::SetRole, Some(reason)), _probe: None })
            }
        }
    }

    /// Logs in as the application does.
    pub(super) fn of_application(url: &DatabaseUrl) -> Result<Self, String> {
        let mut conn = establish(url)?;
        let who: One = diesel::sql_query(WHO).get_result(&mut conn).map_err(|error| error.to_string())?;
        let attacker = Attacker { role: who.text, means: Means::Given, note: None };
        Ok(Self { conn, attacker, _probe: None })
    }

    /// Begins to see what the session that exported `snapshot` sees.
    pub(super) fn begin(&mut self, snapshot: &str, reach: Reach) -> QueryResult<()> {
        begin_at(snapshot, if reach == Reach::ReadOnly { Access::Reads } else { Access::Writes }).run_script(&mut self.conn)
    }

    /// Forgets everything.
    pub(super) fn end(&mut self) -> QueryResult<()> {
        self.conn.batch_execute("ROLLBACK")
    }
}

fn establish(url: &DatabaseUrl) -> Result<PgConnection, String> {
    let text = url.connection_string().map_err(|error| error.to_string())?;
    let mut conn = PgConnection::establish(&text).map_err(|error| url.scrub(&error.to_string()))?;
    conn.batch_execute(SETTINGS).map_err(|error| error.to_string())?;
    Ok(conn)
}

fn login(db: &Database, role: &Ident) -> Result<(PgConnection, Probe), String> {
    let (probe, password) = Probe::create(db, role)?;
    let conn = establish(&db.url().with_login(probe.name.plain(), &password))?;
    Ok((conn, probe))
}

/// A role that exists as long as this value.
struct Probe {
    admin: PgConnection,
    name: Ident,
}

impl Probe {
    fn create(db: &Database, role: &Ident) -> Result<(Self, String), String> {
        let mut admin = quiet(db).map_err(|error| error.to_string())?;
        let name = Ident::new(format!("{PREFIX}{}", &Uuid::new_v4().simple().to_string()[..12])).map_err(|error| error.to_string())?;
        let password = Uuid::new_v4().simple().to_string();
        let until: One = diesel::sql_query(UNTIL).get_result(&mut admin).map_err(|error| error.to_string())?;
        // The server never sees the password, so neither do its log and its statistics. It keeps a verifier whatever
        // password_encryption says, and takes it for the method md5 of pg_hba.conf as well.
        let verifier = scram_sha_256(password.as_bytes());
        let made = create_probe(&name, &verifier, &until.text, role).run(&mut admin);
        made.map_err(|error| error.to_string().replace(&verifier, "***"))?;
        Ok((Self { admin, name }, password))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if let Err(error) = drop_probe(&self.name).run(&mut self.admin) {
            tracing::warn!(role = self.name.plain(), %error, "cannot drop the login of the attacks; it expires by itself");
        }
    }
}

/// A connection whose statements are not traced: one of them holds a password.
fn quiet(db: &Database) -> Result<PgConnection, ConnectError> {
    let mut conn = db.connect_dedicated()?;
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    Ok(conn)
}

/// Drops logins that a killed verification left behind.
pub(super) fn sweep(conn: &mut PgConnection) {
    let leftovers: Vec<One> = diesel::sql_query(LEFTOVERS).load(conn).unwrap_or_default();
    for name in leftovers.into_iter().filter_map(|row| Ident::new(row.text).ok()) {
        if let Err(error) = drop_probe(&name).run(conn) {
            tracing::debug!(role = name.plain(), %error, "cannot drop a login that was left behind");
        }
    }
}
