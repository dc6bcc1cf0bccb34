"""A run that is killed again and again: nothing that was accepted is lost, what is sent twice carries one key."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from actions_engine.store.contract import LedgerRow
from actions_engine.store.open import store_of
from actions_engine.testing import Answer, Received, Vendor


class Killed(NamedTuple):
    """What came of it.

    Attributes:
        kills: Runs that were killed.
        requests: What the receiver got in all.
        failures: Requests that it failed on purpose.
        keys: Of each event that arrived the idempotency keys that it came with.
        ledger: The store's own account.
        told: What the last run, which was left alone, wrote.
    """

    kills: int
    requests: int
    failures: int
    keys: dict[int, set[str]]
    ledger: LedgerRow
    told: str

    @property
    def duplicates(self) -> int:
        """Requests for calls that were delivered by another one."""
        return self.requests - self.failures - len(self.keys)


def kill_again_and_again(
    folder: Path,
    store: str,
    calls: int,
    kills: int,
    *,
    before_last: Callable[[], None] = lambda: None,
) -> Killed:
    """Feed a file of events to runs of which each but the last is killed at a random moment."""
    events, chance = folder / "events.jsonl", random.Random(3)
    with events.open("w") as file:
        for number in range(calls):
            event = {"type": "track", "event": "A", "userId": f"u{number % 20}", "messageId": f"m{number}", "n": number}
            file.write(json.dumps(event) + "\n")
    failed: Counter[bool] = Counter()

    def answer(_request: Received) -> Answer:
        fails = chance.random() < 0.02
        failed[fails] += 1
        return Answer(500 if fails else 200, delay=0.001)

    with Vendor(answer) as vendor:
        mapping = folder / "killed.yaml"
        mapping.write_text(
            f"destination: webhook\nsettings: {{url: '{vendor.url}'}}\npresets: all\n"
            "delivery: {first_wait: 50ms, longest_wait: 200ms, timeout: 2s, concurrency: 8}\n"
        )
        command = [sys.executable, "-m", "actions_engine", "run", str(mapping), str(events), "--store", store]
        killed = 0
        for number in range(kills):
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                # Most die while they send, some while they start and accept.
                enough = len(vendor.received) + chance.randint(1, calls // kills)
                doomed = time.monotonic() + (chance.uniform(0.3, 1.5) if number % 4 == 3 else 2.5)
                while process.poll() is None and len(vendor.received) < enough and time.monotonic() < doomed:
                    time.sleep(0.001)
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                    killed += 1
        before_last()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        keys: dict[int, set[str]] = {}
        for request in vendor.received:
            keys.setdefault(request.json()["n"], set()).add(request.headers["idempotency-key"])
        requests = len(vendor.received)
    opened = store_of(store)
    opened.open()
    (row,) = opened.ledger()
    opened.close()
    return Killed(killed, requests, failed[True], keys, row, done.stderr)
