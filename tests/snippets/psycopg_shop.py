"""Runs docs/application/tenants.py and sees that it does what the page says. PGHOST and the like say where."""

import os
from concurrent.futures import ThreadPoolExecutor

import psycopg
from psycopg.errors import ForeignKeyViolation, InvalidTextRepresentation

from tenants import Database, NumberTaken, count_orders, for_each_tenant, place_order

ACME, GLOBEX = os.environ["ACME"], os.environ["GLOBEX"]
MARK = os.environ["MARK"]


def refused(expected, work, *arguments):
    try:
        work(*arguments)
    except expected:
        return
    raise AssertionError(f"{work.__name__}{arguments} was not refused with {expected.__name__}")


def own_rows(db, tenant):
    with db.as_tenant(tenant) as conn:
        return {str(owner) for (owner,) in conn.execute("SELECT DISTINCT tenant_id FROM orders")} == {tenant}


db = Database("", min_size=1, max_size=4)
before = count_orders(db, ACME), count_orders(db, GLOBEX)
assert all(before), before
place_order(db, ACME, 1, MARK, ["p1", "p2"])
place_order(db, GLOBEX, 2, MARK, ["p1"])
refused(NumberTaken, place_order, db, ACME, 1, MARK, [])
refused(ForeignKeyViolation, place_order, db, ACME, 2, MARK + "-stranger", [])
refused(ForeignKeyViolation, place_order, db, ACME, 1, MARK + "-half", ["p1", "no product"])
refused(InvalidTextRepresentation, count_orders, db, "acme")
assert (count_orders(db, ACME), count_orders(db, GLOBEX)) == (before[0] + 1, before[1] + 1)
with db.as_nobody() as conn:
    assert conn.execute("SELECT count(*) FROM orders").fetchone() == (0,)
    assert conn.execute("SELECT count(*) > 0 FROM products").fetchone() == (True,)

# often enough for psycopg to prepare its statements, from several clients at once
with ThreadPoolExecutor(8) as pool:
    answers = list(pool.map(lambda turn: own_rows(db, (ACME, GLOBEX)[turn % 2]), range(200)))
assert all(answers) and len(answers) == 200
db.close()

jobs = Database("", kwargs={"user": os.environ["JOBS"]}, min_size=1)
failed = for_each_tenant(jobs, lambda tenant: place_order(jobs, tenant, 1, MARK + "-job", []))
assert len(failed) == 2, failed  # user 1 is acme's alone
jobs.close()
print(f"psycopg {psycopg.__version__}, libpq {psycopg.pq.version()}: 200 transactions of 2 tenants, each with its own rows; errors as told")
