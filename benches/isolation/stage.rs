//! A server of its own, with the policies of one context at a time.

use std::time::Instant;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use tenantize::server::{Server, ServerOptions};
use tenantize::sql::change::{PolicyKind, PolicySpec};
use tenantize::sql::policy::{ContextSpec, PolicyForm};
use tenantize::sql::{Change, Ident, KeyType, QualifiedName};

/// Supabase's own definition.
const AUTH: &str = "CREATE SCHEMA auth;
    CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$
      SELECT coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb
    $$;
    CREATE SCHEMA tenancy; CREATE ROLE app LOGIN; GRANT USAGE ON SCHEMA tenancy TO app;";

/// The server and the session that changes policies.
pub(crate) struct Stage {
    server: Server,
    pub(crate) admin: PgConnection,
    context: Option<ContextSpec>,
}

#[derive(QueryableByName)]
struct One {
    #[diesel(sql_type = Text)]
    text: String,
}

impl Stage {
    pub(crate) fn new(fixture: &str) -> Self {
        let settings = [("shared_buffers", "512MB"), ("autovacuum", "off"), ("max_parallel_workers_per_gather", "0")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let server = Server::start(&ServerOptions { settings, ..ServerOptions::default() }).unwrap();
        let mut admin = PgConnection::establish(&server.url("postgres")).unwrap();
        admin.batch_execute(AUTH).unwrap();
        admin.batch_execute(fixture).unwrap();
        admin.batch_execute("VACUUM ANALYZE").unwrap();
        Self { server, admin, context: None }
    }

    pub(crate) fn version(&self) -> String {
        self.server.version().to_string()
    }

    /// A session of the application with these settings.
    pub(crate) fn app(&self, settings: &[(String, String)]) -> PgConnection {
        let mut conn = PgConnection::establish(&self.server.url("postgres")).unwrap();
        for (name, value) in settings {
            diesel::sql_query("SELECT set_config($1, $2, false)").bind::<Text, _>(name).bind::<Text, _>(value).execute(&mut conn).unwrap();
        }
        conn.batch_execute("SET SESSION AUTHORIZATION app").unwrap();
        conn
    }

    pub(crate) fn text(&mut self, query: &str) -> String {
        diesel::sql_query(query).get_result::<One>(&mut self.admin).unwrap().text
    }

    /// Takes row-level security from the tables.
    pub(crate) fn open(&mut self, tables: &[&str]) {
        for table in tables {
            let drop = format!(
                "DROP POLICY IF EXISTS tenancy_fence ON {table}; DROP POLICY IF EXISTS tenancy_allow ON {table};
                 ALTER TABLE {table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY"
            );
            self.admin.batch_execute(&drop).unwrap();
        }
    }

    /// Gives the tables fence and allow of a context, as the program makes them.
    pub(crate) fn fence(&mut self, tables: &[&str], context: &ContextSpec, form: PolicyForm) {
        self.open(tables);
        let ty = KeyType::Uuid;
        if self.context.as_ref() != Some(context) {
            if let Some(context) = self.context.take() {
                self.apply(&Change::DropContext { ty, context });
            }
            self.apply(&Change::CreateContext { ty, context: context.clone() });
            self.context = Some(context.clone());
        }
        for table in tables {
            let table = public(table);
            for (name, kind) in [("tenancy_fence", PolicyKind::Fence), ("tenancy_allow", PolicyKind::Allow(vec![ident("app")]))] {
                let (table, context, column) = (table.clone(), context.clone(), ident("tenant_id"));
                self.apply(&Change::CreatePolicy(PolicySpec { table, name: ident(name), kind, column, ty, context, form }));
            }
            self.apply(&Change::EnableRls { table: table.clone() });
            self.apply(&Change::ForceRls { table });
        }
    }

    fn apply(&mut self, change: &Change) {
        change.statement().run_script(&mut self.admin).unwrap();
    }
}

pub(crate) fn ident(name: &str) -> Ident {
    Ident::new(name).unwrap()
}

pub(crate) fn public(name: &str) -> QualifiedName {
    QualifiedName::new(ident("public"), ident(name))
}

/// Microseconds of each of `times` calls.
pub(crate) fn sample(times: usize, mut call: impl FnMut()) -> Vec<f64> {
    let samples = (0..times).map(|_| {
        let clock = Instant::now();
        call();
        clock.elapsed().as_secs_f64() * 1e6
    });
    samples.collect()
}

/// The best decile: what remains when the machine does other things meanwhile is left out.
pub(crate) fn best_decile(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 10]
}
