DROP TRIGGER agent_actions_never_updated;
DROP TRIGGER agent_actions_never_deleted;
DROP TRIGGER agent_actions_only_at_the_end;
DROP INDEX agent_actions_id;
DROP INDEX agent_actions_key;
DROP INDEX agent_actions_incident;
DROP INDEX agent_actions_action;
ALTER TABLE agent_actions RENAME TO agent_actions_before_3;

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
);

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
);

CREATE TABLE removals (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  seq INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, seq, first_seq)
);

CREATE TABLE checkpoints (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  number INTEGER NOT NULL,
  size INTEGER NOT NULL,
  root BLOB NOT NULL,
  note TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, number)
);

CREATE TABLE export_cursors (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  target TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, target)
);

CREATE TABLE legal_holds (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  name TEXT NOT NULL,
  about TEXT NOT NULL,
  held_by TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, name)
);

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
);
