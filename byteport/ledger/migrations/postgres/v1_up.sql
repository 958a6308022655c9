-- Run as byteport_owner, in the schema byteport, which is there already with alembic's own table.

-- Whose rows a transaction sees ------------------------------------------------------------------------------------------

CREATE TABLE byteport.role_tenants (
  role name NOT NULL,
  tenant text NOT NULL,
  PRIMARY KEY (role, tenant)
);
COMMENT ON TABLE byteport.role_tenants IS
  'Logins that may be only these tenants. One that is not named here may be any, such as that of a process that serves many.';

CREATE FUNCTION byteport.tenant() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted text := nullif(current_setting('byteport.tenant', true), '');
BEGIN
  IF wanted IS NULL
    OR EXISTS (SELECT 1 FROM byteport.role_tenants WHERE role = session_user)
    AND NOT EXISTS (SELECT 1 FROM byteport.role_tenants WHERE role = session_user AND tenant = wanted)
  THEN
    RETURN NULL;
  END IF;
  RETURN wanted;
END $$;

-- One writer of a tenant at a time ---------------------------------------------------------------------------------------

CREATE TABLE byteport.turns (tenant text PRIMARY KEY);

CREATE FUNCTION byteport.take_turn(p_tenant text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('byteport.tenant', p_tenant, true);
  IF byteport.tenant() IS DISTINCT FROM p_tenant THEN
    RAISE insufficient_privilege USING MESSAGE = 'byteport: this login is not of that tenant';
  END IF;
  PERFORM 1 FROM byteport.turns WHERE tenant = p_tenant FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO byteport.turns (tenant) VALUES (p_tenant) ON CONFLICT DO NOTHING;
    PERFORM 1 FROM byteport.turns WHERE tenant = p_tenant FOR UPDATE;
  END IF;
END $$;

-- The log ----------------------------------------------------------------------------------------------------------------

CREATE TABLE byteport.agent_actions (
  tenant text NOT NULL,
  cluster_uid text NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  header text NOT NULL,
  hash text NOT NULL,
  id text GENERATED ALWAYS AS (header::jsonb ->> 'id') STORED,
  key text GENERATED ALWAYS AS (header::jsonb ->> 'key') STORED,
  timestamp text GENERATED ALWAYS AS (header::jsonb ->> 'timestamp') STORED,
  event text GENERATED ALWAYS AS (header::jsonb ->> 'event') STORED,
  decision text GENERATED ALWAYS AS (header::jsonb ->> 'decision') STORED,
  action_id text GENERATED ALWAYS AS (header::jsonb ->> 'action_id') STORED,
  PRIMARY KEY (tenant, cluster_uid, seq)
);
CREATE UNIQUE INDEX agent_actions_id ON byteport.agent_actions (tenant, id);
CREATE UNIQUE INDEX agent_actions_key ON byteport.agent_actions (tenant, cluster_uid, key);
CREATE INDEX agent_actions_action ON byteport.agent_actions (tenant, action_id) WHERE action_id IS NOT NULL;
CREATE INDEX agent_actions_removals ON byteport.agent_actions (tenant, cluster_uid, seq)
  WHERE event IN ('pruned', 'erased');

CREATE TABLE byteport.agent_action_bodies (
  tenant text NOT NULL,
  cluster_uid text NOT NULL,
  seq bigint NOT NULL,
  body bytea NOT NULL,
  incident_id bytea,
  workflow_id bytea,
  runbook bytea,
  target bytea,
  PRIMARY KEY (tenant, cluster_uid, seq)
);
CREATE INDEX agent_action_bodies_incident ON byteport.agent_action_bodies (incident_id);
CREATE INDEX agent_action_bodies_workflow ON byteport.agent_action_bodies (workflow_id);
CREATE INDEX agent_action_bodies_target ON byteport.agent_action_bodies (target);

CREATE TABLE byteport.chain_heads (
  tenant text NOT NULL,
  cluster_uid text NOT NULL,
  seq bigint NOT NULL,
  hash text NOT NULL,
  stamp_ms bigint NOT NULL,
  xact xid8 NOT NULL,
  PRIMARY KEY (tenant, cluster_uid)
);
COMMENT ON COLUMN byteport.chain_heads.xact IS 'The transaction that appended the last record.';

CREATE TABLE byteport.removals (
  tenant text NOT NULL,
  cluster_uid text NOT NULL,
  seq bigint NOT NULL,
  first_seq bigint NOT NULL,
  last_seq bigint NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, seq, first_seq)
);

CREATE FUNCTION byteport.refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE integrity_constraint_violation USING MESSAGE = format('byteport: %s is append-only', TG_TABLE_NAME);
END $$;

CREATE FUNCTION byteport.only_grows() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.seq <= OLD.seq OR NEW.tenant <> OLD.tenant OR NEW.cluster_uid <> OLD.cluster_uid
    OR NEW.stamp_ms < OLD.stamp_ms
  THEN
    RAISE integrity_constraint_violation USING MESSAGE = 'byteport: a chain only grows';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION byteport.only_by_a_removal() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (
      SELECT 1 FROM byteport.removals AS said JOIN byteport.chain_heads AS head USING (tenant, cluster_uid, seq)
      WHERE tenant = OLD.tenant AND cluster_uid = OLD.cluster_uid AND head.xact = pg_current_xact_id()
        AND OLD.seq BETWEEN said.first_seq AND said.last_seq)
    OR EXISTS (
      SELECT 1 FROM byteport.agent_actions
      WHERE tenant = OLD.tenant AND cluster_uid = OLD.cluster_uid AND seq = OLD.seq AND event IN ('pruned', 'erased'))
  THEN
    RAISE integrity_constraint_violation
      USING MESSAGE = 'byteport: a body is destroyed only by the last record, which says so';
  END IF;
  RETURN OLD;
END $$;

CREATE FUNCTION byteport.only_by_the_last_record() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.first_seq > NEW.last_seq OR NEW.first_seq < 1 OR NEW.last_seq >= NEW.seq OR NOT EXISTS (
      SELECT 1 FROM byteport.agent_actions JOIN byteport.chain_heads AS head USING (tenant, cluster_uid, seq)
      WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq = NEW.seq
        AND head.xact = pg_current_xact_id() AND event IN ('pruned', 'erased'))
  THEN
    RAISE integrity_constraint_violation USING MESSAGE = 'byteport: a removal is named by the last record of its chain';
  END IF;
  RETURN NEW;
END $$;

-- Puts records after the head of their chain: the only way into the log.
CREATE FUNCTION byteport.append(
  p_tenant text, p_cluster_uid text, p_headers text[], p_hashes text[], p_bodies bytea[],
  p_incident_ids bytea[], p_workflow_ids bytea[], p_runbooks bytea[], p_targets bytea[]
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  head byteport.chain_heads%ROWTYPE;
  many integer := coalesce(cardinality(p_headers), 0);
  wrong bigint;
  latest bigint;
BEGIN
  IF p_tenant IS NULL OR byteport.tenant() IS DISTINCT FROM p_tenant THEN
    RAISE insufficient_privilege USING MESSAGE = 'byteport: the transaction is not of that tenant';
  END IF;
  IF many = 0 OR cardinality(p_hashes) <> many OR cardinality(p_bodies) <> many OR cardinality(p_incident_ids) <> many
    OR cardinality(p_workflow_ids) <> many OR cardinality(p_runbooks) <> many OR cardinality(p_targets) <> many
  THEN
    RAISE invalid_parameter_value USING MESSAGE = 'byteport: as many of each as there are headers';
  END IF;
  SELECT * INTO head FROM byteport.chain_heads WHERE tenant = p_tenant AND cluster_uid = p_cluster_uid FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO byteport.chain_heads (tenant, cluster_uid, seq, hash, stamp_ms, xact)
      VALUES (p_tenant, p_cluster_uid, 0, 'sha256:' || repeat('0', 64), 0, pg_current_xact_id())
      ON CONFLICT DO NOTHING;
    SELECT * INTO head FROM byteport.chain_heads WHERE tenant = p_tenant AND cluster_uid = p_cluster_uid FOR UPDATE;
  END IF;

  SELECT min(place) FILTER (WHERE
           record_hash IS DISTINCT FROM 'sha256:' || encode(sha256('\x00'::bytea || convert_to(header, 'UTF8')), 'hex')
           OR fields ->> 'prev_hash' IS DISTINCT FROM before
           OR (fields ->> 'seq')::numeric IS DISTINCT FROM (head.seq + place)::numeric
           OR fields ->> 'tenant' IS DISTINCT FROM p_tenant
           OR fields ->> 'cluster_uid' IS DISTINCT FROM p_cluster_uid
           OR fields ->> 'id' IS NULL OR fields ->> 'key' IS NULL
           OR at_ms IS NULL OR at_ms < at_ms_before),
         max(at_ms)
    INTO wrong, latest
    FROM (
      SELECT *, lag(record_hash, 1, head.hash) OVER (ORDER BY place) AS before,
             lag(at_ms, 1, head.stamp_ms) OVER (ORDER BY place) AS at_ms_before
        FROM (
          SELECT header, record_hash, place, fields,
                 (extract(epoch FROM (fields ->> 'timestamp')::timestamptz) * 1000)::bigint AS at_ms
            FROM (
              SELECT header, record_hash, place, header::jsonb AS fields
                FROM unnest(p_headers, p_hashes) WITH ORDINALITY AS given (header, record_hash, place)
            ) AS parsed
        ) AS timed
    ) AS linked;
  IF wrong IS NOT NULL THEN
    RAISE integrity_constraint_violation
      USING MESSAGE = format('byteport: record %s does not follow the last one of its chain', head.seq + wrong);
  END IF;

  INSERT INTO byteport.agent_actions (tenant, cluster_uid, seq, header, hash)
    SELECT p_tenant, p_cluster_uid, head.seq + place, header, record_hash
      FROM unnest(p_headers, p_hashes) WITH ORDINALITY AS given (header, record_hash, place);
  INSERT INTO byteport.agent_action_bodies (tenant, cluster_uid, seq, body, incident_id, workflow_id, runbook, target)
    SELECT p_tenant, p_cluster_uid, head.seq + place, body, incident_id, workflow_id, runbook, target
      FROM unnest(p_bodies, p_incident_ids, p_workflow_ids, p_runbooks, p_targets) WITH ORDINALITY
        AS given (body, incident_id, workflow_id, runbook, target, place)
      WHERE body IS NOT NULL;
  UPDATE byteport.chain_heads
    SET seq = head.seq + many, hash = p_hashes[many], stamp_ms = latest, xact = pg_current_xact_id()
    WHERE tenant = p_tenant AND cluster_uid = p_cluster_uid;
  RETURN head.seq + many;
END $$;

-- Destroys what the record that this transaction has just appended says is gone.
CREATE FUNCTION byteport.destroy_bodies(
  p_tenant text, p_cluster_uid text, p_seq bigint, p_firsts bigint[], p_lasts bigint[]
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gone bigint;
BEGIN
  IF p_tenant IS NULL OR byteport.tenant() IS DISTINCT FROM p_tenant THEN
    RAISE insufficient_privilege USING MESSAGE = 'byteport: the transaction is not of that tenant';
  END IF;
  PERFORM 1 FROM byteport.chain_heads WHERE tenant = p_tenant AND cluster_uid = p_cluster_uid FOR UPDATE;
  IF EXISTS (SELECT 1 FROM byteport.removals WHERE tenant = p_tenant AND cluster_uid = p_cluster_uid AND seq = p_seq) THEN
    RAISE integrity_constraint_violation USING MESSAGE = 'byteport: that record has destroyed what it names';
  END IF;
  INSERT INTO byteport.removals (tenant, cluster_uid, seq, first_seq, last_seq)
    SELECT p_tenant, p_cluster_uid, p_seq, first_seq, last_seq FROM unnest(p_firsts, p_lasts) AS given (first_seq, last_seq);
  DELETE FROM byteport.agent_action_bodies AS body USING unnest(p_firsts, p_lasts) AS given (first_seq, last_seq)
    WHERE body.tenant = p_tenant AND body.cluster_uid = p_cluster_uid AND body.seq BETWEEN given.first_seq AND given.last_seq;
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;

-- The ledger's own rows --------------------------------------------------------------------------------------------------

CREATE TABLE byteport.intents (
  tenant text NOT NULL DEFAULT byteport.tenant(),
  action_id text NOT NULL,
  cluster_uid text NOT NULL,
  incident_id text NOT NULL,
  runbook text NOT NULL,
  namespace text NOT NULL,
  target text NOT NULL,
  act text NOT NULL,
  plan_digest text NOT NULL,
  arguments_digest text NOT NULL,
  lease_key text NOT NULL,
  undoes text,
  at_ms bigint NOT NULL,
  seq bigint NOT NULL,
  record_id text NOT NULL,
  record_hash text NOT NULL,
  outcome text CHECK (outcome IN ('done', 'not_done', 'unknown')),
  verified integer CHECK (verified IN (0, 1)),
  ended_ms bigint,
  PRIMARY KEY (tenant, action_id)
);
CREATE INDEX intents_recent ON byteport.intents (tenant, cluster_uid, at_ms);
CREATE INDEX intents_target ON byteport.intents (tenant, cluster_uid, target, at_ms);
CREATE INDEX intents_incident ON byteport.intents (tenant, cluster_uid, incident_id);
CREATE INDEX intents_act ON byteport.intents (tenant, cluster_uid, act, at_ms);

CREATE TABLE byteport.answers_used (
  tenant text NOT NULL DEFAULT byteport.tenant(),
  answer_digest text NOT NULL,
  action_id text NOT NULL,
  PRIMARY KEY (tenant, answer_digest, action_id)
);

CREATE TABLE byteport.leases (
  tenant text NOT NULL DEFAULT byteport.tenant(),
  cluster_uid text NOT NULL,
  lease_key text NOT NULL,
  holder text NOT NULL,
  until_ms bigint NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, lease_key)
);

CREATE TABLE byteport.halts (
  tenant text NOT NULL DEFAULT byteport.tenant(),
  cluster_uid text NOT NULL,
  halted_by text NOT NULL,
  since_ms bigint NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (tenant, cluster_uid)
);

CREATE TABLE byteport.alarms (
  tenant text NOT NULL DEFAULT byteport.tenant(),
  cluster_uid text NOT NULL,
  name text NOT NULL,
  namespace text NOT NULL,
  raised_by text NOT NULL,
  since_ms bigint NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, name, namespace)
);

CREATE TABLE byteport.storms (
  tenant text NOT NULL DEFAULT byteport.tenant(),
  cluster_uid text NOT NULL,
  since_ms bigint NOT NULL,
  factor text NOT NULL,
  in_trouble integer NOT NULL,
  of_targets integer NOT NULL,
  workflow_id text NOT NULL,
  PRIMARY KEY (tenant, cluster_uid)
);

CREATE TABLE byteport.policies (
  tenant text NOT NULL DEFAULT byteport.tenant(),
  cluster_uid text NOT NULL,
  version text NOT NULL,
  content text NOT NULL,
  note text NOT NULL,
  changes bigint NOT NULL,
  PRIMARY KEY (tenant, cluster_uid)
);

-- What keeps it as it is -------------------------------------------------------------------------------------------------

CREATE TRIGGER never_updated BEFORE UPDATE ON byteport.agent_actions FOR EACH ROW EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER never_deleted BEFORE DELETE ON byteport.agent_actions FOR EACH ROW EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON byteport.agent_actions EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER never_updated BEFORE UPDATE ON byteport.agent_action_bodies FOR EACH ROW EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER only_by_a_removal BEFORE DELETE ON byteport.agent_action_bodies
  FOR EACH ROW EXECUTE FUNCTION byteport.only_by_a_removal();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON byteport.agent_action_bodies EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER only_grows BEFORE UPDATE ON byteport.chain_heads FOR EACH ROW EXECUTE FUNCTION byteport.only_grows();
CREATE TRIGGER never_deleted BEFORE DELETE ON byteport.chain_heads FOR EACH ROW EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON byteport.chain_heads EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER only_by_the_last_record BEFORE INSERT ON byteport.removals
  FOR EACH ROW EXECUTE FUNCTION byteport.only_by_the_last_record();
CREATE TRIGGER never_updated BEFORE UPDATE ON byteport.removals FOR EACH ROW EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER never_deleted BEFORE DELETE ON byteport.removals FOR EACH ROW EXECUTE FUNCTION byteport.refuse();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON byteport.removals EXECUTE FUNCTION byteport.refuse();

DO $$
DECLARE
  name text;
  guarded record;
BEGIN
  FOREACH name IN ARRAY ARRAY['turns', 'agent_actions', 'agent_action_bodies', 'chain_heads', 'removals', 'intents',
    'answers_used', 'leases', 'halts', 'alarms', 'storms', 'policies']
  LOOP
    EXECUTE format('ALTER TABLE byteport.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own_tenant ON byteport.%I USING (tenant = (SELECT byteport.tenant()))'
      ' WITH CHECK (tenant = (SELECT byteport.tenant()))', name);
  END LOOP;
  -- In force for those who replicate, too.
  FOR guarded IN SELECT tgrelid::regclass AS relation, tgname FROM pg_trigger
    WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'byteport'::regnamespace)
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', guarded.relation, guarded.tgname);
  END LOOP;
END $$;
ALTER TABLE byteport.role_tenants ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON byteport.role_tenants TO byteport_owner USING (true) WITH CHECK (true);
ALTER TABLE byteport.alembic_version ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON byteport.alembic_version TO byteport_owner USING (true) WITH CHECK (true);
CREATE POLICY everybody ON byteport.alembic_version FOR SELECT USING (true);

-- Who may do what --------------------------------------------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA byteport FROM PUBLIC;
GRANT USAGE ON SCHEMA byteport TO byteport_agent, byteport_reader, byteport_signer, byteport_ingest, byteport_switch;
GRANT SELECT ON byteport.alembic_version
  TO byteport_agent, byteport_reader, byteport_signer, byteport_ingest, byteport_switch;
GRANT EXECUTE ON FUNCTION byteport.tenant()
  TO byteport_agent, byteport_reader, byteport_signer, byteport_ingest, byteport_switch;
GRANT EXECUTE ON FUNCTION byteport.take_turn(text) TO byteport_agent, byteport_signer, byteport_ingest;
GRANT EXECUTE ON FUNCTION
  byteport.append(text, text, text[], text[], bytea[], bytea[], bytea[], bytea[], bytea[]) TO byteport_agent, byteport_ingest;
GRANT EXECUTE ON FUNCTION byteport.destroy_bodies(text, text, bigint, bigint[], bigint[]) TO byteport_agent, byteport_ingest;
GRANT SELECT ON byteport.agent_actions, byteport.chain_heads, byteport.removals
  TO byteport_agent, byteport_reader, byteport_signer, byteport_ingest;
GRANT SELECT ON byteport.agent_action_bodies TO byteport_agent, byteport_reader, byteport_ingest;
GRANT SELECT ON byteport.intents, byteport.answers_used, byteport.leases, byteport.halts, byteport.alarms, byteport.storms,
  byteport.policies TO byteport_agent, byteport_reader;
GRANT SELECT ON byteport.halts TO byteport_switch;
GRANT INSERT, UPDATE ON byteport.intents, byteport.policies TO byteport_agent;
GRANT INSERT ON byteport.answers_used TO byteport_agent;
GRANT INSERT, UPDATE, DELETE ON byteport.leases, byteport.storms TO byteport_agent;
GRANT INSERT, DELETE ON byteport.halts, byteport.alarms TO byteport_agent;
