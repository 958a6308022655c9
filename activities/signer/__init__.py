"""The signer of the log: a process of its own, whose key and memory nobody else can reach, and who never signs a log that went
back. `state` is its memory, `looking` whether the log grew out of it, `signing` the signing, `adopting` how a lost memory is found again, `cosigning` the question to
witnesses (asked by another process, without the key), `acts` what Temporal calls.
"""
