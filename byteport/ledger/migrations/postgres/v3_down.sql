CREATE OR REPLACE FUNCTION byteport.only_by_a_removal() RETURNS trigger
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

DROP FUNCTION byteport.destroy_named_bodies(text, text, bigint[]);
DROP TABLE byteport.sweeps, byteport.due_removals, byteport.intakes;
DROP FUNCTION byteport.done_once();
DROP FUNCTION byteport.intakes_only_grow();
GRANT EXECUTE ON FUNCTION byteport.destroy_bodies(text, text, bigint, bigint[], bigint[]) TO byteport_ingest;
