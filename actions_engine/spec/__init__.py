"""Events by the Segment spec: its tables, samples of it, and what is wrong with an event by it."""
