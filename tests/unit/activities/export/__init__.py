"""What receivers of the log do without a network."""
