"""The codec server: Temporal UI shows payloads through it to people who have signed in, and to nobody else.

It holds the keys by which payloads are encrypted, and no credential of Temporal, of a cluster or of a database: what it could forge
it could put nowhere. It decrypts and never encrypts, and keeps nothing. `byteport codec` runs it.
"""
