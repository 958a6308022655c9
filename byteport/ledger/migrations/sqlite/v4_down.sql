DROP TABLE sweeps;
DROP TABLE due_removals;
DROP TABLE intakes;
DROP TRIGGER agent_action_bodies_deleted_only_by_a_removal;

CREATE TRIGGER agent_action_bodies_deleted_only_by_a_removal BEFORE DELETE ON agent_action_bodies
WHEN NOT EXISTS (
    SELECT 1 FROM removals JOIN chain_heads USING (tenant, cluster_uid, seq)
    WHERE tenant = OLD.tenant AND cluster_uid = OLD.cluster_uid
      AND OLD.seq BETWEEN removals.first_seq AND removals.last_seq)
  OR (SELECT event FROM agent_actions
    WHERE tenant = OLD.tenant AND cluster_uid = OLD.cluster_uid AND seq = OLD.seq) IN ('pruned', 'erased')
BEGIN SELECT RAISE(ABORT, 'a body is destroyed only by the last record, which says so'); END;
