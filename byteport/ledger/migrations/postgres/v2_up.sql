CREATE TABLE byteport.checkpoints (
  tenant text NOT NULL,
  cluster_uid text NOT NULL,
  number bigint NOT NULL,
  size bigint NOT NULL CHECK (size >= 1),
  root bytea NOT NULL,
  note text NOT NULL,
  at_ms bigint NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, number)
);

CREATE TABLE byteport.export_cursors (
  tenant text NOT NULL,
  cluster_uid text NOT NULL,
  target text NOT NULL,
  seq bigint NOT NULL,
  at_ms bigint NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, target)
);

CREATE TABLE byteport.legal_holds (
  tenant text NOT NULL,
  cluster_uid text NOT NULL,
  name text NOT NULL,
  about text NOT NULL,
  held_by text NOT NULL,
  since_ms bigint NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, name)
);

CREATE TABLE byteport.erasures (
  tenant text NOT NULL,
  cluster_uid text NOT NULL,
  request_id text NOT NULL,
  about text NOT NULL,
  requested_by text NOT NULL,
  requested_ms bigint NOT NULL,
  reason text NOT NULL,
  state text NOT NULL,
  erased bigint NOT NULL DEFAULT 0,
  ended_ms bigint,
  PRIMARY KEY (tenant, cluster_uid, request_id)
);

-- Only a signer's login tells of a larger log; others may add signatures to what it has told.
CREATE FUNCTION byteport.checkpoints_only_grow() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last byteport.checkpoints%ROWTYPE;
BEGIN
  SELECT * INTO last FROM byteport.checkpoints
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid ORDER BY number DESC LIMIT 1;
  IF NEW.number <> 1 + coalesce(last.number, 0) OR NEW.size < coalesce(last.size, 0)
    OR (NEW.size = last.size AND NEW.root <> last.root)
  THEN
    RAISE integrity_constraint_violation USING MESSAGE = 'byteport: checkpoints only grow';
  END IF;
  IF NEW.size IS DISTINCT FROM last.size AND NOT pg_has_role(session_user, 'byteport_signer', 'MEMBER')
    AND NOT pg_has_role(session_user, 'byteport_ingest', 'MEMBER')
  THEN
    RAISE insufficient_privilege USING MESSAGE = 'byteport: only the signer says how large the log is';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION byteport.cursor_only_forward() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.seq < OLD.seq OR NEW.tenant <> OLD.tenant OR NEW.cluster_uid <> OLD.cluster_uid OR NEW.target <> OLD.target THEN
    RAISE integrity_constraint_violation USING MESSAGE = 'byteport: a cursor only goes forward';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER only_grow BEFORE INSERT ON byteport.checkpoints
  FOR EACH ROW EXECUTE FUNCTION byteport.checkpoints_only_grow();
CREATE TRIGGER never_updated BEFORE UPDATE ON byteport.checkpoints FOR EACH ROW EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER never_deleted BEFORE DELETE ON byteport.checkpoints FOR EACH ROW EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON byteport.checkpoints EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER only_forward BEFORE UPDATE ON byteport.export_cursors
  FOR EACH ROW EXECUTE FUNCTION byteport.cursor_only_forward();
CREATE TRIGGER never_deleted BEFORE DELETE ON byteport.export_cursors FOR EACH ROW EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON byteport.export_cursors EXECUTE FUNCTION byteport.refuse();

DO $$
DECLARE
  name text;
  guarded record;
BEGIN
  FOREACH name IN ARRAY ARRAY['checkpoints', 'export_cursors', 'legal_holds', 'erasures'] LOOP
    EXECUTE format('ALTER TABLE byteport.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own_tenant ON byteport.%I USING (tenant = (SELECT byteport.tenant()))'
      ' WITH CHECK (tenant = (SELECT byteport.tenant()))', name);
    FOR guarded IN SELECT tgname FROM pg_trigger
      WHERE NOT tgisinternal AND tgrelid = format('byteport.%I', name)::regclass
    LOOP
      EXECUTE format('ALTER TABLE byteport.%I ENABLE ALWAYS TRIGGER %I', name, guarded.tgname);
    END LOOP;
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION byteport.checkpoints_only_grow(), byteport.cursor_only_forward() FROM PUBLIC;
GRANT SELECT ON byteport.checkpoints TO byteport_agent, byteport_reader, byteport_signer, byteport_ingest;
GRANT INSERT ON byteport.checkpoints TO byteport_agent, byteport_signer, byteport_ingest;
GRANT SELECT ON byteport.export_cursors, byteport.legal_holds, byteport.erasures TO byteport_agent, byteport_reader;
GRANT INSERT, UPDATE ON byteport.export_cursors, byteport.erasures TO byteport_agent;
GRANT INSERT, DELETE ON byteport.legal_holds TO byteport_agent;
