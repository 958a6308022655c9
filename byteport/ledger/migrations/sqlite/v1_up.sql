CREATE TABLE agent_actions (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  seq INTEGER NOT NULL,
  header TEXT NOT NULL,
  payload TEXT,
  salt BLOB,
  hash TEXT NOT NULL,
  id TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(header) THEN json_extract(header, '$.id') END) VIRTUAL,
  key TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(header) THEN json_extract(header, '$.key') END) VIRTUAL,
  timestamp TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(header) THEN json_extract(header, '$.timestamp') END) VIRTUAL,
  event TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(header) THEN json_extract(header, '$.event') END) VIRTUAL,
  decision TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(header) THEN json_extract(header, '$.decision') END) VIRTUAL,
  action_id TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(header) THEN json_extract(header, '$.action_id') END) VIRTUAL,
  incident_id TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(payload) THEN json_extract(payload, '$.incident_id') END) VIRTUAL,
  workflow_id TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(payload) THEN json_extract(payload, '$.workflow_id') END) VIRTUAL,
  runbook TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(payload) THEN json_extract(payload, '$.runbook') END) VIRTUAL,
  target TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(payload) THEN json_extract(payload, '$.target') END) VIRTUAL,
  PRIMARY KEY (tenant, cluster_uid, seq)
);
CREATE UNIQUE INDEX agent_actions_id ON agent_actions (tenant, id);
CREATE UNIQUE INDEX agent_actions_key ON agent_actions (tenant, cluster_uid, key);
CREATE INDEX agent_actions_incident ON agent_actions (incident_id);
CREATE INDEX agent_actions_action ON agent_actions (action_id);

CREATE TABLE chain_heads (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL,
  stamp_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, cluster_uid)
);

CREATE TABLE intents (
  action_id TEXT PRIMARY KEY,
  cluster_uid TEXT NOT NULL,
  incident_id TEXT NOT NULL,
  runbook TEXT NOT NULL,
  namespace TEXT NOT NULL,
  target TEXT NOT NULL,
  act TEXT NOT NULL,
  plan_digest TEXT NOT NULL,
  arguments_digest TEXT NOT NULL,
  lease_key TEXT NOT NULL,
  undoes TEXT,
  at_ms INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  record_id TEXT NOT NULL,
  record_hash TEXT NOT NULL,
  outcome TEXT CHECK (outcome IN ('done', 'not_done', 'unknown')),
  verified INTEGER CHECK (verified IN (0, 1)),
  ended_ms INTEGER
);
CREATE INDEX intents_recent ON intents (cluster_uid, at_ms);
CREATE INDEX intents_target ON intents (cluster_uid, target, at_ms);
CREATE INDEX intents_incident ON intents (cluster_uid, incident_id);

CREATE TABLE answers_used (
  answer_digest TEXT NOT NULL,
  action_id TEXT NOT NULL,
  PRIMARY KEY (answer_digest, action_id)
);

CREATE TABLE leases (
  cluster_uid TEXT NOT NULL,
  lease_key TEXT NOT NULL,
  holder TEXT NOT NULL,
  until_ms INTEGER NOT NULL,
  PRIMARY KEY (cluster_uid, lease_key)
);

CREATE TABLE halts (
  cluster_uid TEXT PRIMARY KEY,
  halted_by TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  reason TEXT NOT NULL
);

CREATE TRIGGER agent_actions_never_updated BEFORE UPDATE ON agent_actions
BEGIN SELECT RAISE(ABORT, 'agent_actions is append-only'); END;

CREATE TRIGGER agent_actions_never_deleted BEFORE DELETE ON agent_actions
BEGIN SELECT RAISE(ABORT, 'agent_actions is append-only'); END;

CREATE TRIGGER agent_actions_only_at_the_end BEFORE INSERT ON agent_actions
WHEN NEW.seq <> 1 + coalesce(
    (SELECT seq FROM chain_heads WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid), 0)
  OR EXISTS (
    SELECT 1 FROM agent_actions
    WHERE tenant = NEW.tenant
      AND (id = json_extract(NEW.header, '$.id')
        OR (cluster_uid = NEW.cluster_uid AND key = json_extract(NEW.header, '$.key'))))
BEGIN SELECT RAISE(ABORT, 'agent_actions is append-only'); END;

CREATE TRIGGER chain_heads_never_deleted BEFORE DELETE ON chain_heads
BEGIN SELECT RAISE(ABORT, 'a chain does not end'); END;

CREATE TRIGGER chain_heads_only_forward BEFORE UPDATE ON chain_heads
WHEN NEW.seq <> OLD.seq + 1 OR NEW.tenant <> OLD.tenant OR NEW.cluster_uid <> OLD.cluster_uid
BEGIN SELECT RAISE(ABORT, 'a chain only grows'); END;

CREATE TRIGGER chain_heads_never_replaced BEFORE INSERT ON chain_heads
WHEN EXISTS (SELECT 1 FROM chain_heads WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid)
BEGIN SELECT RAISE(ABORT, 'a chain only grows'); END;
