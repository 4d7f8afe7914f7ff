CREATE FUNCTION tenancy.rotate_signing_key() RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  -- 244 random bits; the generator of uuids is a cryptographic one.
  secret bytea := decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
  inner_pad bytea := decode(repeat('36', 64), 'hex');
  outer_pad bytea := decode(repeat('5c', 64), 'hex');
  newest int;
BEGIN
  FOR place IN 0 .. length(secret) - 1 LOOP
    inner_pad := set_byte(inner_pad, place, get_byte(secret, place) # get_byte(inner_pad, place));
    outer_pad := set_byte(outer_pad, place, get_byte(secret, place) # get_byte(outer_pad, place));
  END LOOP;
  LOCK TABLE tenancy.signing_keys IN SHARE ROW EXCLUSIVE MODE;
  SELECT max(k.id) INTO newest FROM tenancy.signing_keys AS k;
  -- The newest key signs; the one before it is still accepted, until the next rotation.
  DELETE FROM tenancy.signing_keys AS k WHERE k.id < newest;
  INSERT INTO tenancy.signing_keys VALUES (coalesce(newest, 0) + 1, inner_pad, outer_pad);
END
$body$
