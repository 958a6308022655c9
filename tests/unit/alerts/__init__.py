"""What outside services send us."""
