CREATE FUNCTION tenancy.sign(tenant {ty}, ttl interval) RETURNS text LANGUAGE plpgsql {definer} AS $body$
DECLARE
  key tenancy.signing_keys;
  signed text;
BEGIN
  IF tenant IS NULL OR ttl IS NULL OR ttl <= '0' OR ttl > '1 day' THEN
    RAISE EXCEPTION 'a tenant and a time to live of at most one day are needed' USING ERRCODE = '22023';
  END IF;
  SELECT k.* INTO STRICT key FROM tenancy.signing_keys AS k ORDER BY k.id DESC LIMIT 1;
  signed := key.id || '|' || floor(extract(epoch FROM statement_timestamp() + ttl))::bigint || '|' || tenant;
  RETURN encode(sha256(key.outer_pad || sha256(key.inner_pad || convert_to(signed, 'UTF8'))), 'hex') || '|' || signed;
END
$body$
