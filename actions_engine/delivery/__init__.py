"""Delivery: accepted events and their calls in a store, sent, retried and accounted for until nothing is pending.

The life of one call, and what it is called on the way:

    engine    Call            one payload for one action, made of an event by a mapping
    plan      PlannedCall     the row to be: key, payload as JSON, whose order it keeps; or why it is rejected already
              PlannedEvent    the event with all its calls: accepted as a whole, a second one is a duplicate
    store     a row           pending until it is delivered, rejected or dead; the ledger counts it for ever
    worker    LeasedCall      the row while a worker holds it, until the lease ends
    queue     Held            the same, its payload read back, with what the action's batch policy says of it
              Group           the calls that go into one request
    attempt   Attempted       what came of the request: an Outcome for each call, and how the destination is
    commits   Answered        the group and what came of it, until it is committed
    settle    Settlement      what is written of the row: its end, or when it is due again

A host hears of a Receipt (what `accept` took, each Refusal in it), plugins of a SentCall; people look at a StoredCall.
"""
