"""A server that speaks the API's own list and watch, as large as wanted, and misbehaves when told to."""
