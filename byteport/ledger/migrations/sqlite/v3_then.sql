DROP TABLE agent_actions_before_3;

CREATE UNIQUE INDEX agent_actions_id ON agent_actions (tenant, id);
CREATE UNIQUE INDEX agent_actions_key ON agent_actions (tenant, cluster_uid, key);
CREATE INDEX agent_actions_action ON agent_actions (action_id);
CREATE INDEX agent_actions_event ON agent_actions (tenant, cluster_uid, event, seq);
CREATE INDEX agent_action_bodies_incident ON agent_action_bodies (incident_id);
CREATE INDEX agent_action_bodies_workflow ON agent_action_bodies (workflow_id);
CREATE INDEX agent_action_bodies_target ON agent_action_bodies (target);

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

CREATE TRIGGER agent_action_bodies_never_updated BEFORE UPDATE ON agent_action_bodies
BEGIN SELECT RAISE(ABORT, 'a body is never changed'); END;

CREATE TRIGGER agent_action_bodies_only_with_its_record BEFORE INSERT ON agent_action_bodies
WHEN NEW.seq <> 1 + coalesce(
    (SELECT seq FROM chain_heads WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid), 0)
  OR NOT EXISTS (
    SELECT 1 FROM agent_actions
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq = NEW.seq)
  OR EXISTS (
    SELECT 1 FROM agent_action_bodies
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'a body comes with its record'); END;

CREATE TRIGGER agent_action_bodies_deleted_only_by_a_removal BEFORE DELETE ON agent_action_bodies
WHEN NOT EXISTS (
    SELECT 1 FROM removals JOIN chain_heads USING (tenant, cluster_uid, seq)
    WHERE tenant = OLD.tenant AND cluster_uid = OLD.cluster_uid
      AND OLD.seq BETWEEN removals.first_seq AND removals.last_seq)
  OR (SELECT event FROM agent_actions
    WHERE tenant = OLD.tenant AND cluster_uid = OLD.cluster_uid AND seq = OLD.seq) IN ('pruned', 'erased')
BEGIN SELECT RAISE(ABORT, 'a body is destroyed only by the last record, which says so'); END;

CREATE TRIGGER removals_only_by_the_last_record BEFORE INSERT ON removals
WHEN NEW.first_seq > NEW.last_seq OR NEW.last_seq >= NEW.seq
  OR NOT EXISTS (
    SELECT 1 FROM agent_actions JOIN chain_heads USING (tenant, cluster_uid, seq)
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq = NEW.seq
      AND event IN ('pruned', 'erased'))
  OR EXISTS (
    SELECT 1 FROM removals
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq = NEW.seq AND first_seq = NEW.first_seq)
BEGIN SELECT RAISE(ABORT, 'a removal is named by the last record of its chain'); END;

CREATE TRIGGER removals_never_updated BEFORE UPDATE ON removals
BEGIN SELECT RAISE(ABORT, 'removals is append-only'); END;

CREATE TRIGGER removals_never_deleted BEFORE DELETE ON removals
BEGIN SELECT RAISE(ABORT, 'removals is append-only'); END;

CREATE TRIGGER checkpoints_only_grow BEFORE INSERT ON checkpoints
WHEN NEW.size < 1 OR NEW.number <> 1 + coalesce(
    (SELECT max(number) FROM checkpoints WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid), 0)
  OR EXISTS (
    SELECT 1 FROM checkpoints
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid
      AND (size > NEW.size OR (size = NEW.size AND root <> NEW.root)))
BEGIN SELECT RAISE(ABORT, 'checkpoints only grow'); END;

CREATE TRIGGER checkpoints_never_updated BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints is append-only'); END;

CREATE TRIGGER checkpoints_never_deleted BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints is append-only'); END;

CREATE TRIGGER export_cursors_only_forward BEFORE UPDATE ON export_cursors
WHEN NEW.seq < OLD.seq OR NEW.tenant <> OLD.tenant OR NEW.cluster_uid <> OLD.cluster_uid OR NEW.target <> OLD.target
BEGIN SELECT RAISE(ABORT, 'a cursor only goes forward'); END;

CREATE TRIGGER export_cursors_never_deleted BEFORE DELETE ON export_cursors
BEGIN SELECT RAISE(ABORT, 'a cursor only goes forward'); END;

CREATE TRIGGER export_cursors_never_replaced BEFORE INSERT ON export_cursors
WHEN EXISTS (
    SELECT 1 FROM export_cursors
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND target = NEW.target)
BEGIN SELECT RAISE(ABORT, 'a cursor only goes forward'); END;
