DROP TABLE removals;
DROP TABLE agent_action_bodies;
DROP TABLE agent_actions_of_3;
DROP TABLE checkpoints;
DROP TABLE export_cursors;
DROP TABLE legal_holds;
DROP TABLE erasures;

CREATE UNIQUE INDEX agent_actions_id ON agent_actions (tenant, id);
CREATE UNIQUE INDEX agent_actions_key ON agent_actions (tenant, cluster_uid, key);
CREATE INDEX agent_actions_incident ON agent_actions (incident_id);
CREATE INDEX agent_actions_action ON agent_actions (action_id);

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
