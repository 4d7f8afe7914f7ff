DO $close$
DECLARE
  given record;
BEGIN
  FOR given IN
    SELECT p.oid::pg_catalog.regprocedure AS function,
      CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END AS grantee
    FROM pg_catalog.pg_proc AS p,
      pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) AS a
    WHERE p.pronamespace = 'tenancy'::pg_catalog.regnamespace AND p.proname IN ('sign', 'rotate_signing_key') AND a.grantee <> p.proowner
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM %s', given.function, given.grantee);
  END LOOP;
END
$close$
