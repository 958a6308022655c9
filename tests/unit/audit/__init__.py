"""The format of the log and its proof."""
