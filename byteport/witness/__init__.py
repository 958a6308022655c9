"""A witness of other people's logs: it remembers how far each went, and signs that it only ever grew.

C2SP's tlog-witness over HTTP. It reads no log and no settings of an agent; all it has is its key, the keys of the logs that it
knows, and one file a log. `byteport/cli/witness.py` runs it; `activities/signer/cosigning.py` asks such witnesses, ours or
anybody's.
"""
