"""A dead or rejected row, routed again: what its event becomes by today's mappings, for what had failed alone."""

from __future__ import annotations

import msgspec

from actions_engine.delivery.plan import plan_event
from actions_engine.engine import Engine
from actions_engine.store.contract import PlannedCall, PlannedEvent, Store, StoredCall


class Remap(msgspec.Struct, frozen=True):
    """What a row is to become.

    Attributes:
        row: As it is.
        call: For a mapping that failed: its call, or its rejection; None where the mapping does not fire today.
        event: For an event that could not be routed at all and can be today: the event with all its calls.
    """

    row: StoredCall
    call: PlannedCall | None = None
    event: PlannedEvent | None = None

    @property
    def calls(self) -> int:
        """How many calls there are to deliver."""
        planned = (self.call,) if self.event is None else self.event.calls
        return sum(call is not None and call.payload is not None for call in planned)


def remap(engine: Engine, row: StoredCall) -> Remap | None:
    """Route a row's event again; None where the event is not stored."""
    if row.event is None:
        return None
    plan = plan_event(engine, msgspec.json.decode(row.event), store_event=True)
    if isinstance(plan, str):
        return Remap(row)
    same = [call for call in plan.event.calls if (call.instance, call.mapping) == (row.instance, row.mapping)]
    if same or row.mapping:
        return Remap(row, call=same[0] if same else None)
    # Known by the row as well: to remap a second time, after a crash, makes no second call.
    known = f"{row.message_id}#{row.id}"
    return Remap(row, event=PlannedEvent(known, row.event if plan.event.calls else None, plan.event.calls))


def apply_remap(store: Store, remapped: Remap, *, now: float, configuration: str) -> bool:
    """Write what a row has become; return whether it was still dead or rejected.

    Raises:
        StoreError: it cannot be written.
    """
    row, call = remapped.row, remapped.call
    if remapped.event is not None:
        store.accept([remapped.event], now=now, configuration=configuration, dedupe_since=0.0)
        call = PlannedCall(
            row.key, row.instance, row.destination, row.mapping, row.action, None,
            reason=f"routed again: {remapped.calls} calls; it was: {row.reason}",
        )  # fmt: skip
    return store.replace(row.id, call, now=now, configuration=configuration)
