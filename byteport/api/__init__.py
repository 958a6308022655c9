"""The ledger's HTTP face: agents of many clusters and tenants hand in their log here, readers take it out.

It stands outside of the clusters that the log is about. Whose a request is comes from its credential and never from its
body; a record is taken only where it chains on what is there, so that this copy refuses a history that was rewritten.

Comes after `byteport/audit` (the format and its proof) and `byteport/ledger` (where it is kept); `byteport api` starts it.
It imports no act, no workflow and no cluster: whoever takes the log in cannot approve, act, or write a record of its own.
"""
