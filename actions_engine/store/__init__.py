"""The durable account: accepted events, their calls and what became of each, in SQLite or PostgreSQL."""
