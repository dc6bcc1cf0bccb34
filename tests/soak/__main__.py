"""`make soak`, or `python -m tests.soak [--calls N] [--kills N] [--cases N]`: the long versions of what proves the engine.

Prints what was measured; the exit code is 1 where a promise did not hold.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.postgresql import new_database, server
from tests.soak.fuzz import fuzz
from tests.soak.isolation import isolation
from tests.soak.kills import kill_again_and_again
from tests.soak.volume import RETENTION, volume


class Report:
    """Prints findings, and remembers whether all promises held."""

    def __init__(self) -> None:
        self.holds = True

    def say(self, what: str, found: str, promise: str = "", *, held: bool = True) -> None:
        """Print a finding, with the promise that it stands for and whether it held."""
        self.holds = self.holds and held
        verdict = f"   {promise}   {'held' if held else 'BROKEN'}" if promise else ""
        sys.stdout.write(f"{what:<46} {found:>20}{verdict}\n")
        sys.stdout.flush()


def main() -> int:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000, help="of the long run")
    parser.add_argument("--kills", type=int, default=30, help="on each store")
    parser.add_argument("--cases", type=int, default=100_000, help="odd events through all destinations")
    options = parser.parse_args()
    report = Report()
    _fuzz(report, options.cases)
    with tempfile.TemporaryDirectory(prefix="actions-engine-soak-") as temporary:
        folder = Path(temporary)
        _isolation(report, folder)
        _kills(report, folder / "sqlite", f"sqlite:///{folder}/sqlite/killed.db", options.kills)
        with server() as url:
            if url is None:
                report.say("PostgreSQL", "not installed")
            else:
                _kills(report, folder / "postgresql", new_database(url), options.kills)
        _volume(report, folder, options.calls)
    return 0 if report.holds else 1


def _fuzz(report: Report, cases: int) -> None:
    sys.stderr.write(f"{cases:,} odd events through every action of every destination\n")
    found = fuzz(cases, is_fresh=True)
    report.say("odd events", f"{found.cases:,}", "none raises", held=found.cases >= cases)
    report.say(
        "their calls; rejections; without a request", f"{found.calls:,}; {found.rejections:,}; {found.unsendable:,}"
    )
    report.say("seconds of the slowest", f"{found.slowest:.2f}", "<= 1", held=found.slowest <= 1)
    report.say("characters of the longest reason", f"{found.longest:,}", "<= 20,000", held=found.longest <= 20_000)
    grown = found.grown / 2**20
    report.say("MiB of memory grown after a tenth", f"{grown:.0f}", "<= 200", held=grown <= 200)


def _isolation(report: Report, folder: Path) -> None:
    alone, beside = isolation(folder, rounds=3, seconds=10)
    ratio = beside / alone
    report.say("p99 of four destinations", f"{alone * 1000:.1f} ms")
    report.say("and beside one that never answers", f"{beside * 1000:.1f} ms", f"{ratio:.2f} x <= 2", held=ratio <= 2)


def _kills(report: Report, folder: Path, store: str, kills: int) -> None:
    folder.mkdir(exist_ok=True)
    calls = 1_500 * kills
    sys.stderr.write(f"{kills} runs are killed over {calls:,} calls\n")
    killed = kill_again_and_again(folder, store, calls, kills)
    name = folder.name
    report.say(f"{name}: runs killed", f"{killed.kills}", "some", held=bool(killed.kills))
    report.say(f"{name}: calls lost of {calls:,}", f"{calls - len(killed.keys):,}", "0", held=len(killed.keys) == calls)
    delivered = killed.ledger.accepted == killed.ledger.delivered == calls
    report.say(f"{name}: delivered by the ledger", f"{killed.ledger.delivered:,}", "all, once", held=delivered)
    report.say(f"{name}: sent again", f"{killed.duplicates:,}")
    one_key = all(len(keys) == 1 for keys in killed.keys.values())
    report.say(f"{name}: keys of a call", "1" if one_key else "several", "1", held=one_key)
    shutil.rmtree(folder)


def _volume(report: Report, folder: Path, calls: int) -> None:
    sys.stderr.write(f"{calls:,} calls are delivered, and pruned after {RETENTION:g} s\n")
    samples, delivered = volume(folder, calls)
    report.say(f"delivered of {calls:,}", f"{delivered:,}", "all", held=delivered == calls)
    report.say("accepted and delivered", f"{calls / samples[-1].seconds:,.0f} /s")
    # The first tenths fill what is kept.
    early, late = samples[len(samples) // 3], samples[-1]
    growth = late.memory / early.memory
    report.say("memory at the end", f"{late.memory / 1e6:.0f} MB", f"{growth:.2f} x a third <= 1.1", held=growth <= 1.1)
    largest, before = max(each.file for each in samples[len(samples) // 2 :]), max(
        each.file for each in samples[: len(samples) // 2]
    )  # fmt: skip
    report.say("store at its largest", f"{largest / 1e6:.0f} MB", f"{largest / before:.2f} x the first half <= 1.2",
               held=largest / before <= 1.2)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
