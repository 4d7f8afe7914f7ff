// Runs docs/application/tenants.mjs and sees that it does what the page says. PGHOST and the like say where.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { Database, NumberTaken, countOrders, forEachTenant, placeOrder } from "./tenants.mjs";

const { ACME, GLOBEX, JOBS, MARK } = process.env;
const db = new Database({ max: 4 });
const both = () => Promise.all([countOrders(db, ACME), countOrders(db, GLOBEX)]);

const before = await both();
assert(before.every((orders) => orders > 0));
await placeOrder(db, ACME, 1, MARK, ["p1", "p2"]);
await placeOrder(db, GLOBEX, 2, MARK, ["p1"]);
await assert.rejects(placeOrder(db, ACME, 1, MARK, []), NumberTaken);
await assert.rejects(placeOrder(db, ACME, 2, `${MARK}-stranger`, []), { code: "23503" });
await assert.rejects(placeOrder(db, ACME, 1, `${MARK}-half`, ["p1", "no product"]), { code: "23503" });
await assert.rejects(countOrders(db, "acme"), { code: "22P02" });
const swallowed = db.withTenant(ACME, (client) => client.query("SELECT 1 / 0").catch(() => "fine"));
await assert.rejects(swallowed, /nothing was saved/);
assert.deepEqual(await both(), before.map((orders) => orders + 1));
assert.equal((await db.withoutTenant((client) => client.query("SELECT id FROM orders"))).rowCount, 0);

// queries with a name are prepared
const own = { name: "owners", text: "SELECT DISTINCT tenant_id FROM orders" };
const turns = Array.from({ length: 200 }, async (_, turn) => {
  const tenant = [ACME, GLOBEX][turn % 2];
  const { rows } = await db.withTenant(tenant, (client) => client.query(own));
  assert.deepEqual(rows, [{ tenant_id: tenant }]);
});
await Promise.all(turns);
await db.close();

const jobs = new Database({ user: JOBS, max: 1 });
const failed = await forEachTenant(jobs, (tenant) => placeOrder(jobs, tenant, 1, `${MARK}-job`, []));
assert.equal(failed.size, 2); // user 1 is acme's alone
await jobs.close();
const { version } = createRequire(import.meta.url)("pg/package.json");
console.log(`pg ${version}, Node.js ${process.version}: 200 transactions of 2 tenants, each with its own rows; errors as told`);
