"""The format of the log and its proof: records, chain, verification. Pure; storage lives in `activities/audit`."""
