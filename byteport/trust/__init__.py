"""What a signature proves: who answered what (SSH signatures), and what the ledger granted (Ed25519).

Parsing and checking are pure over bytes, with `now` as an argument; only `files` and `agent` touch the disk or a socket.
Comes after `byteport/domain` (the texts that are signed). The ledger, the approval check, the cluster worker and the
command line all ask here, so that an answer means the same to each of them.
"""
