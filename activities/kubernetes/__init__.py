"""Everything of ours that touches a cluster: evidence, watch, and the mutations with the boundary before them."""
