"""The command line without a server: arguments, settings, errors, exit codes."""
