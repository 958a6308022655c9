CREATE TABLE byteport.intakes (
  tenant text NOT NULL,
  cluster_uid text NOT NULL,
  seq bigint NOT NULL,
  at_ms bigint NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, seq)
);
COMMENT ON TABLE byteport.intakes IS 'In a copy of another ledger: at this time every record up to seq was here.';

CREATE TABLE byteport.due_removals (
  tenant text NOT NULL,
  cluster_uid text NOT NULL,
  seq bigint NOT NULL,
  first_seq bigint NOT NULL,
  last_seq bigint NOT NULL,
  named_ms bigint NOT NULL,
  request_seq bigint,
  done_ms bigint,
  PRIMARY KEY (tenant, cluster_uid, seq, first_seq)
);
COMMENT ON TABLE byteport.due_removals IS
  'In a copy of another ledger: bodies that record seq says are gone, and that stay here until their time has come.';
CREATE INDEX due_removals_open ON byteport.due_removals (tenant, cluster_uid, seq, first_seq) WHERE done_ms IS NULL;

CREATE TABLE byteport.sweeps (
  tenant text PRIMARY KEY,
  holder text NOT NULL,
  until_ms bigint NOT NULL
);
COMMENT ON TABLE byteport.sweeps IS 'Which process looks for bodies whose time has come, and until when no other does.';

CREATE FUNCTION byteport.intakes_only_grow() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (
      SELECT 1 FROM byteport.chain_heads
      WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND NEW.seq BETWEEN 1 AND chain_heads.seq)
    OR EXISTS (
      SELECT 1 FROM byteport.intakes
      WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND (intakes.seq >= NEW.seq OR at_ms > NEW.at_ms))
  THEN
    RAISE integrity_constraint_violation USING MESSAGE = 'byteport: what was taken in only grows';
  END IF;
  RETURN NEW;
END $$;

-- A row says once that it is done, and only when no body is left that may go.
CREATE FUNCTION byteport.done_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.done_ms IS NOT NULL OR NEW.done_ms IS NULL
    OR (NEW.tenant, NEW.cluster_uid, NEW.seq, NEW.first_seq, NEW.last_seq, NEW.named_ms, NEW.request_seq)
      IS DISTINCT FROM (OLD.tenant, OLD.cluster_uid, OLD.seq, OLD.first_seq, OLD.last_seq, OLD.named_ms, OLD.request_seq)
    OR EXISTS (
      SELECT 1 FROM byteport.agent_action_bodies AS body
      WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq BETWEEN NEW.first_seq AND NEW.last_seq
        AND (SELECT event NOT IN ('pruned', 'erased') FROM byteport.agent_actions AS record
          WHERE record.tenant = body.tenant AND record.cluster_uid = body.cluster_uid AND record.seq = body.seq))
  THEN
    RAISE integrity_constraint_violation USING MESSAGE = 'byteport: a removal is done once, when the bodies are gone';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION byteport.only_by_a_removal() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (
      SELECT 1 FROM byteport.removals AS said JOIN byteport.chain_heads AS head USING (tenant, cluster_uid, seq)
      WHERE tenant = OLD.tenant AND cluster_uid = OLD.cluster_uid AND head.xact = pg_current_xact_id()
        AND OLD.seq BETWEEN said.first_seq AND said.last_seq)
    AND NOT EXISTS (
      SELECT 1 FROM byteport.due_removals
      WHERE tenant = OLD.tenant AND cluster_uid = OLD.cluster_uid AND done_ms IS NULL
        AND OLD.seq BETWEEN first_seq AND last_seq)
    OR EXISTS (
      SELECT 1 FROM byteport.agent_actions
      WHERE tenant = OLD.tenant AND cluster_uid = OLD.cluster_uid AND seq = OLD.seq AND event IN ('pruned', 'erased'))
  THEN
    RAISE integrity_constraint_violation
      USING MESSAGE = 'byteport: a body is destroyed only by the last record, which says so';
  END IF;
  RETURN OLD;
END $$;

-- Destroys bodies that records of their own chain have named before.
CREATE FUNCTION byteport.destroy_named_bodies(p_tenant text, p_cluster_uid text, p_seqs bigint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gone bigint;
BEGIN
  IF p_tenant IS NULL OR byteport.tenant() IS DISTINCT FROM p_tenant THEN
    RAISE insufficient_privilege USING MESSAGE = 'byteport: the transaction is not of that tenant';
  END IF;
  DELETE FROM byteport.agent_action_bodies
    WHERE tenant = p_tenant AND cluster_uid = p_cluster_uid AND seq = ANY (p_seqs);
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;

CREATE TRIGGER only_grow BEFORE INSERT ON byteport.intakes FOR EACH ROW EXECUTE FUNCTION byteport.intakes_only_grow();
CREATE TRIGGER never_updated BEFORE UPDATE ON byteport.intakes FOR EACH ROW EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER never_deleted BEFORE DELETE ON byteport.intakes FOR EACH ROW EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON byteport.intakes EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER only_by_the_last_record BEFORE INSERT ON byteport.due_removals
  FOR EACH ROW EXECUTE FUNCTION byteport.only_by_the_last_record();
CREATE TRIGGER done_once BEFORE UPDATE ON byteport.due_removals FOR EACH ROW EXECUTE FUNCTION byteport.done_once();
CREATE TRIGGER never_deleted BEFORE DELETE ON byteport.due_removals FOR EACH ROW EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON byteport.due_removals EXECUTE FUNCTION byteport.refuse();

DO $$
DECLARE
  name text;
  guarded record;
BEGIN
  FOREACH name IN ARRAY ARRAY['intakes', 'due_removals', 'sweeps'] LOOP
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

REVOKE ALL ON FUNCTION byteport.intakes_only_grow(), byteport.done_once(),
  byteport.destroy_named_bodies(text, text, bigint[]) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION byteport.destroy_bodies(text, text, bigint, bigint[], bigint[]) FROM byteport_ingest;
GRANT EXECUTE ON FUNCTION byteport.destroy_named_bodies(text, text, bigint[]) TO byteport_ingest;
GRANT SELECT ON byteport.intakes, byteport.due_removals TO byteport_ingest, byteport_reader;
GRANT SELECT, INSERT, UPDATE ON byteport.sweeps TO byteport_ingest;
GRANT INSERT ON byteport.intakes, byteport.due_removals TO byteport_ingest;
GRANT UPDATE (done_ms) ON byteport.due_removals TO byteport_ingest;
