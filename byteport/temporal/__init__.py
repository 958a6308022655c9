"""How our words cross Temporal's wire: keys, codec, converter, failures, search attributes, and the one door, intake."""
