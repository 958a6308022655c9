"""The ledger's HTTP face without a socket: who comes in, what a line may say, how much is taken."""
