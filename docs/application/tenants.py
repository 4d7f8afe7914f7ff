"""The application's way to the database: nobody else has the pool, so no query can forget its tenant."""

from contextlib import contextmanager

from psycopg.errors import UniqueViolation
from psycopg_pool import ConnectionPool


class Database:
    """A pool that is private."""

    def __init__(self, conninfo, **pool):
        self._pool = ConnectionPool(conninfo, open=True, **pool)

    @contextmanager
    def as_tenant(self, tenant):
        """Works as a tenant, in one transaction: an exception takes all of it back."""
        with self._pool.connection() as conn, conn.transaction():
            conn.execute("SELECT tenancy.set_tenant(%s)", [tenant])
            yield conn

    @contextmanager
    def as_nobody(self):
        """Works for nobody: sees what all tenants share, and may call functions made for the purpose."""
        with self._pool.connection() as conn, conn.transaction():
            conn.execute("SELECT set_config('app.tenant_id', '', true)")
            yield conn

    def close(self):
        self._pool.close()


# What it is used for.


class NumberTaken(Exception):
    """This tenant has an order of that number."""


def place_order(db, tenant, user, number, products):
    """The order and its lines, or nothing. Nothing here names the tenant: the column's default and the policies do."""
    try:
        with db.as_tenant(tenant) as conn:
            insert = "INSERT INTO orders (user_id, number) VALUES (%s, %s) RETURNING id"
            (order,) = conn.execute(insert, [user, number]).fetchone()
            for product in products:
                conn.execute(
                    "INSERT INTO order_lines (id, order_id, product, quantity) VALUES (gen_random_uuid(), %s, %s, 1)",
                    [order, product],
                )
            return order
    except UniqueViolation as error:
        if error.diag.constraint_name == "orders_number_key":
            raise NumberTaken(number) from error
        raise


def count_orders(db, tenant):
    with db.as_tenant(tenant) as conn:
        return conn.execute("SELECT count(*) FROM orders").fetchone()[0]


def for_each_tenant(db, work):
    """A job over all: one transaction per tenant, so that one failure is one tenant's."""
    with db.as_nobody() as conn:
        tenants = [tenant for (tenant,) in conn.execute("SELECT id FROM all_tenants() AS id")]
    failed = {}
    for tenant in tenants:
        try:
            work(tenant)
        except Exception as error:  # told to the caller, tenant by tenant
            failed[tenant] = error
    return failed
