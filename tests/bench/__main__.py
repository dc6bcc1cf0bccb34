"""`python -m tests.bench [--quick]`: the goals, measured in one run.

Ratios are within the run: timings of different machines or runs are not comparable. Each number is the fastest of
interleaved rounds. Every system is checked to compute the same payloads before it is timed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from tests.bench import processes, rivals
from tests.bench.timing import Case, fastest
from tests.bench.workload import EVENT, ORDER, TEXT, UNHEARD, engine, write_events, write_instances, write_mappings

_INSTANCES = 20
_FLOOR = "orjson.loads of the event"


class Row(NamedTuple):
    """One line of the table; a row without a goal is there for comparison."""

    what: str
    measured: str
    ratio: str = ""
    goal: str = ""
    met: bool | None = None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the goals in one run.")
    parser.add_argument("--quick", action="store_true", help="a file of 10 MB in place of 100 MB, fewer rounds")
    quick: bool = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="actions-engine-bench-") as temporary:
        folder = Path(temporary)
        few, many = write_mappings(folder / "few", 2), write_mappings(folder / "many", 10_000)
        some, instances = write_mappings(folder / "some", 1_000), write_instances(folder / "instances", _INSTANCES)
        best, absent = _in_process(few, some, many, instances, rounds=15 if quick else 60)
        rows = _own_rows(best) + _rival_rows(best, absent) + _reference_rows(best, few)
        rows += _loading_rows({1_000: some, 10_000: many}) + _import_rows()
        rows += _command_rows(folder, few, quick, "jq" in absent)
    show(rows)


def show(rows: list[Row]) -> None:
    """Write the table."""
    verdicts = {True: "met", False: "MISSED", None: ""}
    cells = [("what", "measured", "ratio", "goal", "")]
    cells += [(row.what, row.measured, row.ratio, row.goal, verdicts[row.met]) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    for what, *others in cells:
        numbers = "  ".join(text.rjust(width) for text, width in zip(others, widths[1:], strict=True))
        sys.stdout.write(f"{what.ljust(widths[0])}  {numbers}".rstrip() + "\n")


def _in_process(
    few: Path, some: Path, many: Path, instances: Path, rounds: int
) -> tuple[dict[str, float], dict[str, str]]:
    """Time everything that runs in this process, in turns; also return which rivals are absent, and why."""
    two, thousand, all_of_them, twenty = engine(few), engine(some), engine(many), engine(instances)
    expected = list(two.evaluate(EVENT)[1])
    for loaded, event, calls in ((two, EVENT, 2), (thousand, EVENT, 2), (all_of_them, EVENT, 2),
                                 (all_of_them, UNHEARD, 0), (twenty, ORDER, _INSTANCES)):  # fmt: skip
        routing = loaded.route(event)
        if len(routing.calls) != calls or routing.rejections:
            raise SystemExit(f"{len(routing.calls)} calls and not {calls}: {routing.rejections}")
    cases: dict[str, Case] = {
        _FLOOR: lambda: orjson.loads(TEXT),
        "fields": lambda: two.evaluate(EVENT),
        "route": lambda: two.route(EVENT),
        "route 1,000": lambda: thousand.route(EVENT),
        "route 10,000": lambda: all_of_them.route(EVENT),
        "unheard": lambda: all_of_them.route(UNHEARD),
        "instances": lambda: twenty.route(ORDER),
    }
    absent: dict[str, str] = {}
    makers: dict[str, Callable[[], rivals.Rival]] = {
        "jmespath.py": rivals.with_jmespath, "pyvrl": rivals.with_vrl, "jq": rivals.with_jq,
    }  # fmt: skip
    for name, maker in makers.items():
        try:
            rival = maker()
        except ImportError as error:
            absent[name] = str(error)
            continue
        _check(name, rival(EVENT), expected)
        cases[name] = lambda rival=rival: rival(EVENT)  # type: ignore[misc]
    if "jq" not in absent:
        as_text, text = rivals.with_jq_text(), TEXT.decode()
        cases["jq, text"] = lambda: as_text(text)
    return fastest(cases, rounds), absent


def _check(name: str, found: Any, expected: list[dict[str, Any]]) -> None:
    """Stop where a system computes something else than the engine."""
    if found != expected:
        raise SystemExit(f"{name} makes {found}, the engine {expected}")


def _own_rows(best: dict[str, float]) -> list[Row]:
    """Return the rows of the engine against the floor and against itself."""
    floor = best[_FLOOR]
    call = best["instances"] / _INSTANCES
    growth = best["route 10,000"] / best["route"]
    return [
        Row(_FLOOR, _us(floor)),
        _at_most("trigger and fields, no validation", best["fields"], floor, 1.0),
        _at_most("engine.route, whole", best["route"], floor, 2.5),
        Row("engine.route, 10,000 mappings, two fire", _us(best["route 10,000"]), f"{growth:.2f} x 2 mappings",
            "<= 1.2", growth <= 1.2),
        _at_most("engine.route, 10,000 mappings, none fires", best["unheard"], floor, 0.3),
        Row(f"a call of {_INSTANCES} instances, one Order Completed", _us(call), f"{call / floor:.2f} x orjson",
            "<= 3 µs", call <= 3),
    ]  # fmt: skip


def _at_most(what: str, measured: float, floor: float, goal: float) -> Row:
    """Return a row whose goal is a ratio to the floor."""
    ratio = measured / floor
    return Row(what, _us(measured), f"{ratio:.2f} x orjson", f"<= {goal}", ratio <= goal)


def _rival_rows(best: dict[str, float], absent: dict[str, str]) -> list[Row]:
    """Return the rows of other languages for mappings, against trigger and fields."""
    ours = best["fields"]
    rows = [Row(f"{name}, left out: {why}", "") for name, why in absent.items()]
    if "jmespath.py" in best:
        times = best["jmespath.py"] / ours
        rows.append(Row("jmespath.py, same expressions", _us(best["jmespath.py"]), f"{times:.0f} x fields", ">= 25",
                        times >= 25))  # fmt: skip
    titles = {"pyvrl": "VRL in process (pyvrl)", "jq": "jq in process, dict in", "jq, text": "jq in process, text in"}
    rows += [
        Row(title, _us(best[name]), f"{best[name] / ours:.0f} x fields")
        for name, title in titles.items()
        if name in best
    ]
    return rows


def _reference_rows(best: dict[str, float], few: Path) -> list[Row]:
    """Return the rows of Segment's engine, against the whole of `engine.route`."""
    measured = processes.reference()
    if isinstance(measured, str):
        return [Row(f"Segment's engine, left out: {measured}", "")]
    _check("Segment's engine", measured["payloads"], list(engine(few).evaluate(EVENT)[1]))
    rows: list[Row] = []
    for count, ours, goal in ((2, "route", 15), (1_000, "route 1,000", 500)):
        theirs = measured["microseconds"][str(count)]
        times = theirs / best[ours]
        rows.append(Row(f"Segment's engine as shipped, {count:,} mappings", _us(theirs), f"{times:,.0f} x route",
                        f">= {goal}", times >= goal))  # fmt: skip
    return rows


def _loading_rows(folders: dict[int, Path]) -> list[Row]:
    """Return the rows of loading, each in a process of its own."""
    rows: list[Row] = []
    for count, folder in folders.items():
        seconds, kilobytes = processes.load_cost(folder, count)
        goal = count / 1_000
        rows.append(Row(f"loading {count:,} mappings", f"{seconds:.2f} s", f"{seconds / count * 1e6:.0f} µs each",
                        f"<= {goal:.0f} s", seconds <= goal))  # fmt: skip
        rows.append(Row(f"memory a mapping, {count:,}", f"{kilobytes:.1f} KB", "", "<= 10 KB", kilobytes <= 10))
    return rows


def _import_rows() -> list[Row]:
    """Return the rows of importing, without the time of a bare Python."""
    rows: list[Row] = []
    for statement in ("import actions_engine", "from actions_engine import Engine"):
        cost, unwanted = processes.import_cost(statement)
        loads = f"loads {', '.join(unwanted)}" if unwanted else "no CLI, no HTTP"
        rows.append(Row(f"`{statement}`", f"{cost:.0f} ms", loads, "<= 100 ms", cost <= 100 and not unwanted))
    return rows


def _command_rows(folder: Path, mappings: Path, quick: bool, without_jq: bool) -> list[Row]:
    """Return the row of the command on a file of events, against libjq doing the same."""
    size = 10 if quick else 100
    what = f"`actions-engine route`, {size} MB of JSON Lines"
    if without_jq or not processes.command_runs():
        return [Row(f"{what}, left out: {'jq is absent' if without_jq else 'the command does not run'}", "")]
    events = folder / "events.jsonl"
    count = write_events(events, size * 1_000_000)
    ours, theirs = processes.command_cost(mappings, events, folder / "plugins", rounds=3 if quick else 2)
    times = theirs / ours
    return [
        Row(f"{what}", f"{ours:.2f} s", f"{times:.1f} x faster", ">= 5", times >= 5),
        Row(f"libjq on the same {count:,} events", f"{theirs:.2f} s", f"{theirs / count * 1e6:.0f} µs each"),
    ]


def _us(microseconds: float) -> str:
    """Write microseconds."""
    return f"{microseconds:,.2f} µs" if microseconds < 100 else f"{microseconds:,.0f} µs"


if __name__ == "__main__":
    main()
