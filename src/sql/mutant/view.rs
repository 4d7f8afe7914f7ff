//! Views, rules and whatever else reads a table with somebody else's rights.

super::mutants! {
    "view-owner" "a view reads with the rights of its owner, whom no policy binds"
        "CREATE VIEW {made} AS SELECT * FROM {table}; GRANT SELECT ON {made} TO {app}";
    "view-barrier" "a view is a security barrier, and still reads with the rights of its owner"
        "CREATE VIEW {made} WITH (security_barrier) AS SELECT * FROM {table}; GRANT SELECT ON {made} TO {app}";
    "view-chain" "a view reads a view that reads with the rights of its owner"
        "CREATE VIEW {made} AS SELECT * FROM {table}; CREATE VIEW {made_too} AS SELECT * FROM {made}; GRANT SELECT ON {made_too} TO {app}";
    "view-chain-invoker" "a view of the caller's rights reads a view of its owner's rights"
        "CREATE VIEW {made} AS SELECT * FROM {table}; CREATE VIEW {made_too} WITH (security_invoker) AS SELECT * FROM {made}; \
         GRANT SELECT ON {made}, {made_too} TO {app}";
    "view-counts" "a view of sums over all tenants"
        "CREATE VIEW {made} AS SELECT count(*) AS rows FROM {table}; GRANT SELECT ON {made} TO {app}";
    "view-registry" "a view lists the registry with the rights of its owner"
        "CREATE VIEW {made} AS SELECT * FROM {registry}; GRANT SELECT ON {made} TO {app}";
    "matview" "a materialized view keeps the rows of all tenants"
        "CREATE MATERIALIZED VIEW {made} AS SELECT * FROM {table}; GRANT SELECT ON {made} TO {app}";
    "matview-chain" "a view shows a materialized view of all tenants"
        "CREATE MATERIALIZED VIEW {made} AS SELECT * FROM {table}; CREATE VIEW {made_too} AS SELECT * FROM {made}; GRANT SELECT ON {made_too} TO {app}";
    "rule" "a rule writes with the rights of the table's owner"
        "CREATE TABLE {made} AS SELECT {key} FROM {table}; \
         CREATE RULE tenantize_mutant AS ON UPDATE TO {table} DO ALSO INSERT INTO {made} SELECT other.{key} FROM {table} AS other";
    "foreign-table" "a foreign table has no policies"
        "CREATE FOREIGN DATA WRAPPER tenantize_mutant; CREATE SERVER tenantize_mutant FOREIGN DATA WRAPPER tenantize_mutant; \
         CREATE FOREIGN TABLE {made} (id int) SERVER tenantize_mutant; GRANT SELECT ON {made} TO {app}";
    "publication" "every row goes to a subscriber, whom no policy binds"
        "CREATE PUBLICATION tenantize_mutant FOR TABLE {table}";
    "publication-all" "every table goes to a subscriber"
        "CREATE PUBLICATION tenantize_mutant FOR ALL TABLES";
    "statistics-readable" "the planner's statistics hold values of all tenants, and can be read"
        "GRANT SELECT ON pg_catalog.pg_statistic TO {app}";
}
