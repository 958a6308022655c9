-- Made from the migrations beside it by `make docs`; a test compares.
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);;

CREATE TABLE chain_heads (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL,
  stamp_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, cluster_uid)
);;

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
);;

CREATE TABLE answers_used (
  answer_digest TEXT NOT NULL,
  action_id TEXT NOT NULL,
  PRIMARY KEY (answer_digest, action_id)
);;

CREATE TABLE leases (
  cluster_uid TEXT NOT NULL,
  lease_key TEXT NOT NULL,
  holder TEXT NOT NULL,
  until_ms INTEGER NOT NULL,
  PRIMARY KEY (cluster_uid, lease_key)
);;

CREATE TABLE halts (
  cluster_uid TEXT PRIMARY KEY,
  halted_by TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  reason TEXT NOT NULL
);;

CREATE TABLE alarms (
  cluster_uid TEXT NOT NULL,
  name TEXT NOT NULL,
  namespace TEXT NOT NULL,
  raised_by TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (cluster_uid, name, namespace)
);;

CREATE TABLE storms (
  cluster_uid TEXT PRIMARY KEY,
  since_ms INTEGER NOT NULL,
  factor TEXT NOT NULL,
  in_trouble INTEGER NOT NULL,
  of_targets INTEGER NOT NULL,
  workflow_id TEXT NOT NULL
);;

CREATE TABLE policies (
  cluster_uid TEXT PRIMARY KEY,
  version TEXT NOT NULL,
  content TEXT NOT NULL,
  note TEXT NOT NULL,
  changes INTEGER NOT NULL
);;

CREATE TABLE agent_actions (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  seq INTEGER NOT NULL,
  header TEXT NOT NULL,
  hash TEXT NOT NULL,
  id TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(header) THEN json_extract(header, '$.id') END) VIRTUAL,
  key TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(header) THEN json_extract(header, '$.key') END) VIRTUAL,
  timestamp TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(header) THEN json_extract(header, '$.timestamp') END) VIRTUAL,
  event TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(header) THEN json_extract(header, '$.event') END) VIRTUAL,
  decision TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(header) THEN json_extract(header, '$.decision') END) VIRTUAL,
  action_id TEXT GENERATED ALWAYS AS (CASE WHEN json_valid(header) THEN json_extract(header, '$.action_id') END) VIRTUAL,
  PRIMARY KEY (tenant, cluster_uid, seq)
);;

CREATE TABLE agent_action_bodies (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  seq INTEGER NOT NULL,
  body BLOB NOT NULL,
  incident_id BLOB,
  workflow_id BLOB,
  runbook BLOB,
  target BLOB,
  PRIMARY KEY (tenant, cluster_uid, seq)
);;

CREATE TABLE removals (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  seq INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, seq, first_seq)
);;

CREATE TABLE checkpoints (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  number INTEGER NOT NULL,
  size INTEGER NOT NULL,
  root BLOB NOT NULL,
  note TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, number)
);;

CREATE TABLE export_cursors (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  target TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, target)
);;

CREATE TABLE legal_holds (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  name TEXT NOT NULL,
  about TEXT NOT NULL,
  held_by TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, name)
);;

CREATE TABLE erasures (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  request_id TEXT NOT NULL,
  about TEXT NOT NULL,
  requested_by TEXT NOT NULL,
  requested_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  state TEXT NOT NULL,
  erased INTEGER NOT NULL DEFAULT 0,
  ended_ms INTEGER,
  PRIMARY KEY (tenant, cluster_uid, request_id)
);;

CREATE TABLE intakes (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, seq)
);;

CREATE TABLE due_removals (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  seq INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  named_ms INTEGER NOT NULL,
  request_seq INTEGER,
  done_ms INTEGER,
  PRIMARY KEY (tenant, cluster_uid, seq, first_seq)
);;

CREATE TABLE sweeps (
  tenant TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until_ms INTEGER NOT NULL
);;

CREATE INDEX intents_recent ON intents (cluster_uid, at_ms);;

CREATE INDEX intents_target ON intents (cluster_uid, target, at_ms);;

CREATE INDEX intents_incident ON intents (cluster_uid, incident_id);;

CREATE INDEX intents_act ON intents (cluster_uid, act, at_ms);;

CREATE UNIQUE INDEX agent_actions_id ON agent_actions (tenant, id);;

CREATE UNIQUE INDEX agent_actions_key ON agent_actions (tenant, cluster_uid, key);;

CREATE INDEX agent_actions_action ON agent_actions (action_id);;

CREATE INDEX agent_actions_event ON agent_actions (tenant, cluster_uid, event, seq);;

CREATE INDEX agent_action_bodies_incident ON agent_action_bodies (incident_id);;

CREATE INDEX agent_action_bodies_workflow ON agent_action_bodies (workflow_id);;

CREATE INDEX agent_action_bodies_target ON agent_action_bodies (target);;

CREATE INDEX due_removals_open ON due_removals (tenant, cluster_uid, seq, first_seq) WHERE done_ms IS NULL;;

CREATE TRIGGER chain_heads_never_deleted BEFORE DELETE ON chain_heads
BEGIN SELECT RAISE(ABORT, 'a chain does not end'); END;;

CREATE TRIGGER chain_heads_only_forward BEFORE UPDATE ON chain_heads
WHEN NEW.seq <> OLD.seq + 1 OR NEW.tenant <> OLD.tenant OR NEW.cluster_uid <> OLD.cluster_uid
BEGIN SELECT RAISE(ABORT, 'a chain only grows'); END;;

CREATE TRIGGER chain_heads_never_replaced BEFORE INSERT ON chain_heads
WHEN EXISTS (SELECT 1 FROM chain_heads WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid)
BEGIN SELECT RAISE(ABORT, 'a chain only grows'); END;;

CREATE TRIGGER agent_actions_never_updated BEFORE UPDATE ON agent_actions
BEGIN SELECT RAISE(ABORT, 'agent_actions is append-only'); END;;

CREATE TRIGGER agent_actions_never_deleted BEFORE DELETE ON agent_actions
BEGIN SELECT RAISE(ABORT, 'agent_actions is append-only'); END;;

CREATE TRIGGER agent_actions_only_at_the_end BEFORE INSERT ON agent_actions
WHEN NEW.seq <> 1 + coalesce(
    (SELECT seq FROM chain_heads WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid), 0)
  OR EXISTS (
    SELECT 1 FROM agent_actions
    WHERE tenant = NEW.tenant
      AND (id = json_extract(NEW.header, '$.id')
        OR (cluster_uid = NEW.cluster_uid AND key = json_extract(NEW.header, '$.key'))))
BEGIN SELECT RAISE(ABORT, 'agent_actions is append-only'); END;;

CREATE TRIGGER agent_action_bodies_never_updated BEFORE UPDATE ON agent_action_bodies
BEGIN SELECT RAISE(ABORT, 'a body is never changed'); END;;

CREATE TRIGGER agent_action_bodies_only_with_its_record BEFORE INSERT ON agent_action_bodies
WHEN NEW.seq <> 1 + coalesce(
    (SELECT seq FROM chain_heads WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid), 0)
  OR NOT EXISTS (
    SELECT 1 FROM agent_actions
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq = NEW.seq)
  OR EXISTS (
    SELECT 1 FROM agent_action_bodies
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'a body comes with its record'); END;;

CREATE TRIGGER removals_only_by_the_last_record BEFORE INSERT ON removals
WHEN NEW.first_seq > NEW.last_seq OR NEW.last_seq >= NEW.seq
  OR NOT EXISTS (
    SELECT 1 FROM agent_actions JOIN chain_heads USING (tenant, cluster_uid, seq)
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq = NEW.seq
      AND event IN ('pruned', 'erased'))
  OR EXISTS (
    SELECT 1 FROM removals
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq = NEW.seq AND first_seq = NEW.first_seq)
BEGIN SELECT RAISE(ABORT, 'a removal is named by the last record of its chain'); END;;

CREATE TRIGGER removals_never_updated BEFORE UPDATE ON removals
BEGIN SELECT RAISE(ABORT, 'removals is append-only'); END;;

CREATE TRIGGER removals_never_deleted BEFORE DELETE ON removals
BEGIN SELECT RAISE(ABORT, 'removals is append-only'); END;;

CREATE TRIGGER checkpoints_only_grow BEFORE INSERT ON checkpoints
WHEN NEW.size < 1 OR NEW.number <> 1 + coalesce(
    (SELECT max(number) FROM checkpoints WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid), 0)
  OR EXISTS (
    SELECT 1 FROM checkpoints
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid
      AND (size > NEW.size OR (size = NEW.size AND root <> NEW.root)))
BEGIN SELECT RAISE(ABORT, 'checkpoints only grow'); END;;

CREATE TRIGGER checkpoints_never_updated BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints is append-only'); END;;

CREATE TRIGGER checkpoints_never_deleted BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints is append-only'); END;;

CREATE TRIGGER export_cursors_only_forward BEFORE UPDATE ON export_cursors
WHEN NEW.seq < OLD.seq OR NEW.tenant <> OLD.tenant OR NEW.cluster_uid <> OLD.cluster_uid OR NEW.target <> OLD.target
BEGIN SELECT RAISE(ABORT, 'a cursor only goes forward'); END;;

CREATE TRIGGER export_cursors_never_deleted BEFORE DELETE ON export_cursors
BEGIN SELECT RAISE(ABORT, 'a cursor only goes forward'); END;;

CREATE TRIGGER export_cursors_never_replaced BEFORE INSERT ON export_cursors
WHEN EXISTS (
    SELECT 1 FROM export_cursors
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND target = NEW.target)
BEGIN SELECT RAISE(ABORT, 'a cursor only goes forward'); END;;

CREATE TRIGGER agent_action_bodies_deleted_only_by_a_removal BEFORE DELETE ON agent_action_bodies
WHEN NOT EXISTS (
    SELECT 1 FROM removals JOIN chain_heads USING (tenant, cluster_uid, seq)
    WHERE tenant = OLD.tenant AND cluster_uid = OLD.cluster_uid
      AND OLD.seq BETWEEN removals.first_seq AND removals.last_seq)
  AND NOT EXISTS (
    SELECT 1 FROM due_removals
    WHERE tenant = OLD.tenant AND cluster_uid = OLD.cluster_uid AND done_ms IS NULL
      AND OLD.seq BETWEEN first_seq AND last_seq)
  OR (SELECT event FROM agent_actions
    WHERE tenant = OLD.tenant AND cluster_uid = OLD.cluster_uid AND seq = OLD.seq) IN ('pruned', 'erased')
BEGIN SELECT RAISE(ABORT, 'a body is destroyed only by the last record, which says so'); END;;

CREATE TRIGGER intakes_only_grow BEFORE INSERT ON intakes
WHEN NOT EXISTS (
    SELECT 1 FROM chain_heads
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND NEW.seq BETWEEN 1 AND chain_heads.seq)
  OR EXISTS (
    SELECT 1 FROM intakes
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND (intakes.seq >= NEW.seq OR at_ms > NEW.at_ms))
BEGIN SELECT RAISE(ABORT, 'what was taken in only grows'); END;;

CREATE TRIGGER intakes_never_updated BEFORE UPDATE ON intakes
BEGIN SELECT RAISE(ABORT, 'intakes is append-only'); END;;

CREATE TRIGGER intakes_never_deleted BEFORE DELETE ON intakes
BEGIN SELECT RAISE(ABORT, 'intakes is append-only'); END;;

CREATE TRIGGER due_removals_only_by_the_last_record BEFORE INSERT ON due_removals
WHEN NEW.first_seq > NEW.last_seq OR NEW.first_seq < 1 OR NEW.last_seq >= NEW.seq
  OR NOT EXISTS (
    SELECT 1 FROM agent_actions JOIN chain_heads USING (tenant, cluster_uid, seq)
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq = NEW.seq
      AND event IN ('pruned', 'erased'))
  OR EXISTS (
    SELECT 1 FROM due_removals
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq = NEW.seq AND first_seq = NEW.first_seq)
BEGIN SELECT RAISE(ABORT, 'a removal is named by the last record of its chain'); END;;

CREATE TRIGGER due_removals_done_once BEFORE UPDATE ON due_removals
WHEN OLD.done_ms IS NOT NULL OR NEW.done_ms IS NULL
  OR NEW.tenant <> OLD.tenant OR NEW.cluster_uid <> OLD.cluster_uid OR NEW.seq <> OLD.seq
  OR NEW.first_seq <> OLD.first_seq OR NEW.last_seq <> OLD.last_seq OR NEW.named_ms <> OLD.named_ms
  OR NEW.request_seq IS NOT OLD.request_seq
  OR EXISTS (
    SELECT 1 FROM agent_action_bodies JOIN agent_actions USING (tenant, cluster_uid, seq)
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq BETWEEN NEW.first_seq AND NEW.last_seq
      AND event NOT IN ('pruned', 'erased'))
BEGIN SELECT RAISE(ABORT, 'a removal is done once, when the bodies are gone'); END;;

CREATE TRIGGER due_removals_never_deleted BEFORE DELETE ON due_removals
BEGIN SELECT RAISE(ABORT, 'due_removals is append-only'); END;;

INSERT INTO alembic_version VALUES ('4');;
