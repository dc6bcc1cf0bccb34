"""`python -m tests.bench.loading FOLDER [trace]`: load mappings in a fresh process and say what it took, as JSON."""

from __future__ import annotations

import gc
import json
import sys
import time
import tracemalloc
from pathlib import Path

from tests.bench.workload import EVENT, engine


def main() -> None:
    """Write the seconds, and with `trace` the bytes held, of one loaded engine."""
    folder, traced = Path(sys.argv[1]), sys.argv[2:] == ["trace"]
    gc.collect()
    if traced:
        tracemalloc.start()
    start = time.perf_counter()
    loaded = engine(folder)
    calls = loaded.route(EVENT).calls
    seconds = time.perf_counter() - start
    held = 0
    if traced:
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
    sys.stdout.write(json.dumps({"seconds": seconds, "bytes": held, "calls": len(calls)}))


if __name__ == "__main__":
    main()
