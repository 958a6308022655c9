"""How our words cross Temporal's wire: codec, failures, search attributes, and the one door for signals."""
