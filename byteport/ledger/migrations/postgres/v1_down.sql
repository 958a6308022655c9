DROP TABLE byteport.policies, byteport.storms, byteport.alarms, byteport.halts, byteport.leases, byteport.answers_used,
  byteport.intents, byteport.removals, byteport.agent_action_bodies, byteport.agent_actions, byteport.chain_heads,
  byteport.turns;
DROP FUNCTION byteport.destroy_bodies(text, text, bigint, bigint[], bigint[]);
DROP FUNCTION byteport.append(text, text, text[], text[], bytea[], bytea[], bytea[], bytea[], bytea[]);
DROP FUNCTION byteport.only_by_the_last_record();
DROP FUNCTION byteport.only_by_a_removal();
DROP FUNCTION byteport.only_grows();
DROP FUNCTION byteport.refuse();
DROP FUNCTION byteport.take_turn(text);
DROP FUNCTION byteport.tenant();
DROP TABLE byteport.role_tenants;
DROP POLICY everybody ON byteport.alembic_version;
DROP POLICY owner ON byteport.alembic_version;
ALTER TABLE byteport.alembic_version DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
