"""Calls -> the groups that share a request, by each action's batch policy."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field

from actions_engine.call import Call
from actions_engine.destination import Action, Batch
from actions_engine.mapping import Instance
from actions_engine.request import Request, encode_json


def batches(calls: Iterable[Call]) -> Iterator[list[Call]]:
    """Group calls of the same action and instance, in their order, no group beyond the action's policy."""
    groups: dict[tuple[Instance, Action, Hashable], _Group] = {}
    for call in calls:
        instance, action = call.source.instance, call.source.action
        if action.batch is None:
            yield [call]
            continue
        key = (instance, action, action.batch.key(call.payload))
        size = len(encode_json(call.payload)) if action.batch.max_bytes else 0
        records = action.batch.records(call.payload)
        group = groups.get(key)
        if group is not None and not group.has_room(action.batch, size, records):
            yield group.calls
            group = None
        if group is None:
            group = groups[key] = _Group()
        group.add(call, size, records)
    for group in groups.values():
        yield group.calls


def request_of(calls: list[Call]) -> Request:
    """Return the request that a group of calls becomes; of an action of several steps, the first.

    Raises:
        PluginError: the action's function failed.
    """
    source = calls[0].source
    payloads = [call.payload.bind(call.key) for call in calls]
    request = source.action.request(source.instance.settings, payloads)
    return request.with_secrets(source.instance.secrets)


@dataclass(slots=True)
class _Group:
    calls: list[Call] = field(default_factory=list)
    size: int = 0
    records: int = 0

    def has_room(self, policy: Batch, size: int, records: int) -> bool:
        return (
            len(self.calls) < policy.max_calls
            and (policy.max_bytes is None or self.size + size <= policy.max_bytes)
            and (policy.max_records is None or self.records + records <= policy.max_records)
        )

    def add(self, call: Call, size: int, records: int) -> None:
        self.calls.append(call)
        self.size += size
        self.records += records
