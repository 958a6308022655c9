"""The door for what outside services send us: alerts, and what people do in a pager or a chat.

It has a process of its own (`byteport alerts`), which holds no credential of a cluster, of the database or of a key: it validates,
reduces and hands over, by the one door (`byteport/temporal/alerts_intake.py`, `intake.py : acknowledge`), and approves nothing.
"""
