"""What every face has in common."""
