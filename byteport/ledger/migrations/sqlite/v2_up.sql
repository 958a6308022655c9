CREATE TABLE alarms (
  cluster_uid TEXT NOT NULL,
  name TEXT NOT NULL,
  namespace TEXT NOT NULL,
  raised_by TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (cluster_uid, name, namespace)
);

CREATE TABLE storms (
  cluster_uid TEXT PRIMARY KEY,
  since_ms INTEGER NOT NULL,
  factor TEXT NOT NULL,
  in_trouble INTEGER NOT NULL,
  of_targets INTEGER NOT NULL,
  workflow_id TEXT NOT NULL
);

CREATE TABLE policies (
  cluster_uid TEXT PRIMARY KEY,
  version TEXT NOT NULL,
  content TEXT NOT NULL,
  note TEXT NOT NULL,
  changes INTEGER NOT NULL
);

CREATE INDEX intents_act ON intents (cluster_uid, act, at_ms);
