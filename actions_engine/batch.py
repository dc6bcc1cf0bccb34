"""Calls -> the groups that share a request, by each action's batch policy: what `requests` and delivery both do."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from actions_engine.call import Call
from actions_engine.destination import Action, Batch
from actions_engine.errors import PLUGIN_RAISES, PluginError
from actions_engine.mapping import Instance
from actions_engine.payload import Payload
from actions_engine.request import Request, encode_json

Item = TypeVar("Item")
# Characters of a reason.
_MAX_REASON = 2_000


def batch_place(action: Action, policy: Batch, payload: Payload) -> tuple[Hashable, int]:
    """Return what is equal for payloads that may share a request, and how many records a payload makes.

    Raises:
        PluginError: one of the policy's functions raised, or returned what it may not.
    """
    try:
        key = policy.key(payload)
        hash(key)
        records: Any = policy.records(payload)
    except PLUGIN_RAISES as error:
        told = f"{type(error).__name__}: {error}"
        raise PluginError(action.destination, f"the batch policy of action {action.name} fails: {told}") from error
    if type(records) is not int or records < 0:
        told = f"the batch policy of action {action.name} counts {str(records)[:40]!r} records"
        raise PluginError(action.destination, told)
    return (action.name, key), records


@dataclass(slots=True)
class Filling(Generic[Item]):
    """A batch that is being filled.

    Attributes:
        calls: What is in it, in order.
        size: Bytes of JSON of their payloads; in delivery, what the request is expected to be long.
        records: The vendor's records that they make.
    """

    calls: list[Item] = field(default_factory=list)
    size: int = 0
    records: int = 0

    def takes(self, policy: Batch, size: int, records: int, limit: int | None = None) -> bool:
        """Whether the policy lets one more call in; `limit` is a smaller number of calls than the policy's."""
        return (
            len(self.calls) < (policy.max_calls if limit is None else limit)
            and (policy.max_bytes is None or self.size + size <= policy.max_bytes)
            and (policy.max_records is None or self.records + records <= policy.max_records)
        )

    def put(self, call: Item, size: int, records: int) -> None:
        """Take a call in."""
        self.calls.append(call)
        self.size += size
        self.records += records


class CallRejection(msgspec.Struct, frozen=True):
    """A call that cannot become a request.

    Attributes:
        call: The call.
        reason: Why.
    """

    call: Call
    reason: str

    def __str__(self) -> str:
        call = self.call
        return f"call {call.key} of {call.instance} / {call.mapping}: {self.reason}"


class Requests(list[Request]):
    """Requests in the order of their calls.

    Attributes:
        calls: For each request the calls that it carries.
        rejections: The calls that cannot become a request, each with the reason.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[list[Call]] = []
        self.rejections: list[CallRejection] = []


def requests_of(calls: Iterable[Call]) -> Requests:
    """Return the requests that calls become; what keeps one from it is told with the call, and the others go on."""
    made = Requests()
    waiting = list(batches(calls, made.rejections))
    while waiting:
        group = waiting.pop(0)
        try:
            request = request_of(group)
            # A request that cannot be written is none.
            for write in (request.full_url, request.full_headers, request.body):
                write()
        except PLUGIN_RAISES as error:
            if len(group) > 1:
                # One of them is at fault: the halves show which.
                waiting[:0] = _halves(group)
            else:
                made.rejections.append(CallRejection(group[0], str(error)[:_MAX_REASON] or type(error).__name__))
        else:
            if excess(group[0].source.action.batch, len(group), request):
                waiting[:0] = _halves(group)
                continue
            made.append(request)
            made.calls.append(group)
    return made


def _halves(group: list[Call]) -> list[list[Call]]:
    middle = len(group) // 2
    return [group[:middle], group[middle:]]


def excess(policy: Batch | None, count: int, request: Request) -> int:
    """Return the bytes of a body that is longer than the policy lets several calls be together, else 0.

    Batches are filled by the size of the payloads, which is known before there is a request; what the action's function
    makes of them may be twice as long. A call alone is sent whatever its size: only the vendor knows whether it is too
    long.
    """
    if policy is None or policy.max_bytes is None or count < 2:
        return 0
    try:
        size = len(request.body() or b"")
    except (ValueError, TypeError):
        return 0  # whoever sends it will say why it cannot be written
    return size if size > policy.max_bytes else 0


def batches(calls: Iterable[Call], rejections: list[CallRejection] | None = None) -> Iterator[list[Call]]:
    """Group calls of the same action and instance, in their order, no group beyond the action's policy.

    Args:
        calls: The calls.
        rejections: Takes the calls that the policy cannot place or measure.

    Raises:
        PluginError, ValueError, TypeError: a call cannot be placed, and nothing takes it.
    """
    groups: dict[tuple[Instance, Hashable], Filling[Call]] = {}
    for call in calls:
        instance, action = call.source.instance, call.source.action
        policy = action.batch
        if policy is None:
            yield [call]
            continue
        try:
            place, records = batch_place(action, policy, call.payload)
            size = len(encode_json(call.payload)) if policy.max_bytes else 0
        except PLUGIN_RAISES as error:
            if rejections is None:
                raise
            rejections.append(CallRejection(call, str(error)[:_MAX_REASON] or type(error).__name__))
            continue
        key = (instance, place)
        group = groups.get(key)
        if group is not None and not group.takes(policy, size, records):
            yield group.calls
            group = None
        if group is None:
            group = groups[key] = Filling()
        group.put(call, size, records)
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
