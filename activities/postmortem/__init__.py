"""Files postmortems: as files, or as issues on GitHub."""
