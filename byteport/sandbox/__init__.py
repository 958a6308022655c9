"""What `byteport sandbox up` starts. Never part of a production process: only the command line imports it."""
