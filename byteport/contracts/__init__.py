"""What crosses a process border: acts, workflow names, messages. No temporalio; siblings meet only here."""
