DROP TRIGGER agent_actions_never_updated;
DROP TRIGGER agent_actions_never_deleted;
DROP TRIGGER agent_actions_only_at_the_end;
DROP TRIGGER agent_action_bodies_deleted_only_by_a_removal;
DROP INDEX agent_actions_id;
DROP INDEX agent_actions_key;
DROP INDEX agent_actions_action;
DROP INDEX agent_actions_event;
ALTER TABLE agent_actions RENAME TO agent_actions_of_3;

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
