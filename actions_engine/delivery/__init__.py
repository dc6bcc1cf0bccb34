"""Delivery: accepted events and their calls in a store, sent, retried and accounted for until nothing is pending."""
