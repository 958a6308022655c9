"""The demo: eight things that BytePort does or refuses to do, each in a place of its own, told as they happen.

`run.py` is the story; a scenario is one module. `hands.py` is the administrator who breaks things; the agent knows
nothing of the demo. Started by `byteport sandbox demo`, ends by itself, leaves a report and no process.
"""
