-- What the role $1 may do with the relations $2, in their order.
SELECT
  coalesce(has_table_privilege($1, to_regclass(t.name)::oid, 'SELECT'), false) AS can_select,
  coalesce(has_table_privilege($1, to_regclass(t.name)::oid, 'INSERT'), false) AS can_insert,
  coalesce(has_table_privilege($1, to_regclass(t.name)::oid, 'UPDATE'), false) AS can_update,
  has_database_privilege($1, current_database(), 'TEMPORARY') AS can_temporary
FROM unnest($2) WITH ORDINALITY AS t (name, nr)
ORDER BY t.nr
