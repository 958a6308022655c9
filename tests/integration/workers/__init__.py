"""`byteport worker` as a process: what keeps it from starting, and how it ends."""
