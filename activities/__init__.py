"""What is called: the adapters to Kubernetes, the ledger and people. They never decide."""
