// The application's way to the database: nobody else has the pool, so no query can forget its tenant.

import pg from "pg";

export class Database {
  #pool;

  constructor(options) {
    this.#pool = new pg.Pool(options);
    this.#pool.on("error", (error) => console.error("an idle connection was lost:", error.message));
  }

  /** Works as a tenant, in one transaction: an exception takes all of it back. */
  withTenant(tenant, work) {
    return this.#transaction("SELECT tenancy.set_tenant($1)", [tenant], work);
  }

  /** Works for nobody: sees what all tenants share, and may call functions made for the purpose. */
  withoutTenant(work) {
    return this.#transaction("SELECT set_config('app.tenant_id', '', true)", [], work);
  }

  async #transaction(context, values, work) {
    const client = await this.#pool.connect();
    let lost;
    try {
      await client.query("BEGIN");
      await client.query(context, values);
      const result = await work(client);
      const { command } = await client.query("COMMIT");
      // a transaction in which a statement failed is rolled back by COMMIT, without an error
      if (command !== "COMMIT") throw new Error("an error was swallowed: nothing was saved");
      return result;
    } catch (error) {
      await client.query("ROLLBACK").catch((failure) => (lost = failure));
      throw error;
    } finally {
      client.release(lost); // a connection that cannot roll back is not used again
    }
  }

  close() {
    return this.#pool.end();
  }
}

// What it is used for.

export class NumberTaken extends Error {}

/** The order and its lines, or nothing. Nothing here names the tenant: the column's default and the policies do. */
export async function placeOrder(db, tenant, user, number, products) {
  try {
    return await db.withTenant(tenant, async (client) => {
      const insert = "INSERT INTO orders (user_id, number) VALUES ($1, $2) RETURNING id";
      const order = (await client.query(insert, [user, number])).rows[0].id;
      for (const product of products) {
        await client.query(
          "INSERT INTO order_lines (id, order_id, product, quantity) VALUES (gen_random_uuid(), $1, $2, 1)",
          [order, product],
        );
      }
      return order;
    });
  } catch (error) {
    if (error.code === "23505" && error.constraint === "orders_number_key") throw new NumberTaken(number);
    throw error;
  }
}

export function countOrders(db, tenant) {
  return db.withTenant(tenant, async (client) => {
    const { rows } = await client.query("SELECT count(*)::int AS orders FROM orders");
    return rows[0].orders;
  });
}

/** A job over all: one transaction per tenant, so that one failure is one tenant's. */
export async function forEachTenant(db, work) {
  const list = (client) => client.query("SELECT id FROM all_tenants() AS id");
  const { rows } = await db.withoutTenant(list);
  const failed = new Map();
  for (const { id } of rows) {
    await Promise.resolve(id).then(work).catch((error) => failed.set(id, error));
  }
  return failed;
}
