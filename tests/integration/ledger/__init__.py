"""The ledger on real SQLite files: transactions, leases, chains, crashes."""
