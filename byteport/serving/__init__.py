"""How a face of ours is served over HTTPS, whatever it serves: connections, limits, refusals, and what a credential proves.

Comes before `byteport/api` (the ledger's face), `byteport/alerts` (alerts from outside) and every further face; each has a room of
its own with its own routes, and none knows another. Nothing here knows an act, a workflow, a cluster or a database.
"""
