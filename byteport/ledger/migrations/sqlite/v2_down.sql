DROP INDEX intents_act;
DROP TABLE policies;
DROP TABLE storms;
DROP TABLE alarms;
