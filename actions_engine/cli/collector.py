"""The garbage collector of a process that does nothing but route or deliver."""

from __future__ import annotations

import gc


def relax_collector() -> None:
    """Let the collector look less often, and not at what is loaded: that lives as long as the process.

    Events and calls are trees, freed as soon as nobody holds them; the collector is there for what is left, such as the
    tracebacks of errors. By default it would look through thousands of calls that wait for their answers each time
    that seven hundred objects were made.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
