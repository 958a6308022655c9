"""One function a phase, in the order of the story: diagnose, gate, act, verify, escalate, close."""
