CREATE TABLE intakes (
  tenant TEXT NOT NULL,
  cluster_uid TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, cluster_uid, seq)
);

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
);

CREATE TABLE sweeps (
  tenant TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until_ms INTEGER NOT NULL
);

CREATE INDEX due_removals_open ON due_removals (tenant, cluster_uid, seq, first_seq) WHERE done_ms IS NULL;

DROP TRIGGER agent_action_bodies_deleted_only_by_a_removal;

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
BEGIN SELECT RAISE(ABORT, 'a body is destroyed only by the last record, which says so'); END;

CREATE TRIGGER intakes_only_grow BEFORE INSERT ON intakes
WHEN NOT EXISTS (
    SELECT 1 FROM chain_heads
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND NEW.seq BETWEEN 1 AND chain_heads.seq)
  OR EXISTS (
    SELECT 1 FROM intakes
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND (intakes.seq >= NEW.seq OR at_ms > NEW.at_ms))
BEGIN SELECT RAISE(ABORT, 'what was taken in only grows'); END;

CREATE TRIGGER intakes_never_updated BEFORE UPDATE ON intakes
BEGIN SELECT RAISE(ABORT, 'intakes is append-only'); END;

CREATE TRIGGER intakes_never_deleted BEFORE DELETE ON intakes
BEGIN SELECT RAISE(ABORT, 'intakes is append-only'); END;

CREATE TRIGGER due_removals_only_by_the_last_record BEFORE INSERT ON due_removals
WHEN NEW.first_seq > NEW.last_seq OR NEW.first_seq < 1 OR NEW.last_seq >= NEW.seq
  OR NOT EXISTS (
    SELECT 1 FROM agent_actions JOIN chain_heads USING (tenant, cluster_uid, seq)
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq = NEW.seq
      AND event IN ('pruned', 'erased'))
  OR EXISTS (
    SELECT 1 FROM due_removals
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq = NEW.seq AND first_seq = NEW.first_seq)
BEGIN SELECT RAISE(ABORT, 'a removal is named by the last record of its chain'); END;

CREATE TRIGGER due_removals_done_once BEFORE UPDATE ON due_removals
WHEN OLD.done_ms IS NOT NULL OR NEW.done_ms IS NULL
  OR NEW.tenant <> OLD.tenant OR NEW.cluster_uid <> OLD.cluster_uid OR NEW.seq <> OLD.seq
  OR NEW.first_seq <> OLD.first_seq OR NEW.last_seq <> OLD.last_seq OR NEW.named_ms <> OLD.named_ms
  OR NEW.request_seq IS NOT OLD.request_seq
  OR EXISTS (
    SELECT 1 FROM agent_action_bodies JOIN agent_actions USING (tenant, cluster_uid, seq)
    WHERE tenant = NEW.tenant AND cluster_uid = NEW.cluster_uid AND seq BETWEEN NEW.first_seq AND NEW.last_seq
      AND event NOT IN ('pruned', 'erased'))
BEGIN SELECT RAISE(ABORT, 'a removal is done once, when the bodies are gone'); END;

CREATE TRIGGER due_removals_never_deleted BEFORE DELETE ON due_removals
BEGIN SELECT RAISE(ABORT, 'due_removals is append-only'); END;
