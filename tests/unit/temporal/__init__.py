"""The wire's rules that need no server: keys, codec, targets."""
