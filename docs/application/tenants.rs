//! The application's way to the database: nobody else has the pool, so no query can forget its tenant.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool, PoolError};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use uuid::Uuid;

/// A pool that is private.
pub struct Database {
    pool: Pool<ConnectionManager<PgConnection>>,
}

impl Database {
    pub fn connect(url: &str, connections: u32) -> Result<Self, PoolError> {
        let pool = Pool::builder().max_size(connections).build(ConnectionManager::new(url))?;
        Ok(Self { pool })
    }

    /// Works as a tenant, in one transaction: an error takes all of it back.
    pub fn with_tenant<T, E>(&self, tenant: Uuid, work: impl FnOnce(&mut PgConnection) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error> + From<PoolError>,
    {
        self.pool.get()?.transaction(|conn| {
            diesel::sql_query("SELECT tenancy.set_tenant($1)").bind::<SqlUuid, _>(tenant).execute(conn)?;
            work(conn)
        })
    }

    /// Works for nobody: sees what all tenants share, and may call functions made for the purpose.
    pub fn without_tenant<T, E>(&self, work: impl FnOnce(&mut PgConnection) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error> + From<PoolError>,
    {
        self.pool.get()?.transaction(|conn| {
            diesel::sql_query("SELECT set_config('app.tenant_id', '', true)").execute(conn)?;
            work(conn)
        })
    }
}

// What it is used for.

#[derive(Debug)]
pub enum OrderError {
    NumberTaken,
    Database(Error),
    Pool(PoolError),
}

impl From<Error> for OrderError {
    fn from(error: Error) -> Self {
        match &error {
            Error::DatabaseError(DatabaseErrorKind::UniqueViolation, said) if said.constraint_name() == Some("orders_number_key") => {
                Self::NumberTaken
            }
            _ => Self::Database(error),
        }
    }
}

impl From<PoolError> for OrderError {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

diesel::table! {
    orders (id) {
        id -> BigInt,
        user_id -> BigInt,
        number -> Text,
    }
}

/// The order and its lines, or nothing. Nothing here names the tenant: the column's default and the policies do.
pub fn place_order(db: &Database, tenant: Uuid, user: i64, number: &str, products: &[&str]) -> Result<i64, OrderError> {
    db.with_tenant(tenant, |conn| {
        let order: i64 = diesel::insert_into(orders::table)
            .values((orders::user_id.eq(user), orders::number.eq(number)))
            .returning(orders::id)
            .get_result(conn)?;
        for product in products {
            diesel::sql_query("INSERT INTO order_lines (id, order_id, product, quantity) VALUES (gen_random_uuid(), $1, $2, 1)")
                .bind::<BigInt, _>(order)
                .bind::<Text, _>(product)
                .execute(conn)?;
        }
        Ok(order)
    })
}

pub fn count_orders(db: &Database, tenant: Uuid) -> Result<i64, OrderError> {
    db.with_tenant(tenant, |conn| Ok(orders::table.count().get_result(conn)?))
}

#[derive(QueryableByName)]
struct Tenant {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// A job over all: one transaction per tenant, so that one failure is one tenant's.
pub fn for_each_tenant<E>(db: &Database, mut work: impl FnMut(Uuid) -> Result<(), E>) -> Result<Vec<(Uuid, E)>, OrderError> {
    let all: Vec<Tenant> =
        db.without_tenant(|conn| Ok::<_, OrderError>(diesel::sql_query("SELECT id FROM all_tenants() AS id").load(conn)?))?;
    Ok(all.into_iter().filter_map(|tenant| work(tenant.id).err().map(|error| (tenant.id, error))).collect())
}
