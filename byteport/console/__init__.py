"""The approvals page: people see what waits, what it would change, and answer from a telephone. `byteport console` serves it.

It signs nothing for anybody: an answer is the identity provider's own token for exactly that text, and it is checked by the
ledger and by the cluster worker, not here. Whoever takes this process over sees what viewers see and can give no answer.
It knows no act, no cluster and no key of one; it reads Temporal and the log, and sends `answer` and `acknowledge`.
"""
