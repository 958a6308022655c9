"""What crosses a process border, and what the settings say of receivers."""
