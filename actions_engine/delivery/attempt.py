"""One attempt: the action's function, its requests, the answers, and an outcome for each payload."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from typing import Any, cast

import msgspec

from actions_engine.batch import excess
from actions_engine.delivery.plugin_code import PluginCode
from actions_engine.delivery.provenance import Provenance
from actions_engine.delivery.transports.contract import AsyncTransport, SendError
from actions_engine.destination import Action, Settings, Steps
from actions_engine.errors import PLUGIN_RAISES, PluginError
from actions_engine.masking import Masker
from actions_engine.outcome import Outcome
from actions_engine.payload import Payload
from actions_engine.request import Request, Response, Secret

#: Requests that one attempt may make, against a generator that never ends.
MAX_STEPS = 200
#: Characters of an answer that a reason quotes.
_MAX_QUOTE = 300
#: Characters of a reason.
_MAX_REASON = 2_000
#: Characters of a reason, or bytes of an answer, that are looked at: enough that what a mask makes shorter fills both.
_MAX_READ = 20_000
_KINDS = frozenset({"delivered", "retry", "rejected", "paused"})


class Attempted(msgspec.Struct, frozen=True):
    """What came of an attempt.

    Attributes:
        outcomes: One for each payload, in their order.
        split: The batch as a whole was refused, by the vendor or by the action's own function, or is too long: its
            halves are to be tried, so that one bad payload takes no other along. The outcomes then say why.
        excess: Bytes of the body that was not sent, since it is longer than the batch policy lets it be; else 0.
        is_sick: The destination seems unwell: no answer, or 5xx.
        is_limited: It answered 429: too many requests.
        is_answered: It answered, whatever it said.
        is_delivered: Every payload is delivered.
        error_type: What kept it from being so, by which failures are counted: a status as text, or a short word.
    """

    outcomes: list[Outcome]
    split: bool = False
    excess: int = 0
    is_sick: bool = False
    is_limited: bool = False
    is_answered: bool = False
    is_delivered: bool = False
    error_type: str = ""


async def attempt(
    action: Action,
    settings: Settings,
    payloads: list[Payload],
    transport: AsyncTransport,
    masker: Masker,
    *,
    secrets: tuple[Secret, ...] = (),
    code: PluginCode,
    provenance: Provenance | None = None,
    patience: float | None = None,
) -> Attempted:
    """Send payloads together; never raises for what the action's code or the destination does.

    The requests of an action of several steps may take `patience` seconds in all. No reason holds a secret, in whatever
    form it was echoed: `masker` knows those of the settings, and what the requests carried is learned from them.
    """
    steps = _Steps(action, transport, secrets, code, masker, provenance, payloads)
    count = len(payloads)
    try:
        started = await code.run(action.name, action.start, settings, payloads)
        if isinstance(started, Request):
            outcomes = await steps.read(await steps.send(started), payloads)
        else:
            async with asyncio.timeout(patience):
                outcomes = await steps.drive(started, count)
        if transport.flushes:
            await steps.carrier.flush()
    except _TooLongError as error:
        told = [Outcome.retry(str(error))] * count
        return Attempted(told, split=True, excess=error.size, is_answered=steps.last is not None, error_type="request")
    except SendError as error:
        return _attempted([error.outcome] * count, steps, is_sick=error.is_sick, error_type=error.error_type)
    except TimeoutError:
        what = (
            "its steps took longer than the lease" if steps.count else f"action {action.name} computes without an end"
        )
        return _attempted([Outcome.retry(what)] * count, steps, is_sick=bool(steps.count), error_type="timeout")
    except PluginError as error:
        return _blame(error, count, steps)
    if all(outcome.kind == "delivered" for outcome in outcomes):
        if any(outcome.reason for outcome in outcomes):
            outcomes = [_masked(outcome, steps.masker()) for outcome in outcomes]
        return Attempted(outcomes, is_answered=steps.last is not None, is_delivered=True)
    quote = _quoted(steps)
    outcomes = [_with_quote(outcome, steps.last, quote) for outcome in outcomes]
    is_refused = _is_refused_whole(outcomes, steps.last, is_http=not transport.flushes)
    return _attempted(outcomes, steps, split=is_refused or _is_unread(outcomes, steps.last))


class _TooLongError(Exception):
    """A request's body is longer than the batch policy lets it be; nothing of it was sent."""

    def __init__(self, size: int, most: int) -> None:
        super().__init__(f"a request of {size:,} bytes, where {most:,} may be: tried by halves")
        self.size = size


class _Steps:
    """The requests of one attempt: sends them, and remembers the last answer."""

    __slots__ = (
        "_action",
        "_code",
        "_masker",
        "_payloads",
        "_provenance",
        "_secrets",
        "carrier",
        "count",
        "last",
        "sent",
    )

    def __init__(
        self,
        action: Action,
        transport: AsyncTransport,
        secrets: tuple[Secret, ...],
        code: PluginCode,
        masker: Masker,
        provenance: Provenance | None,
        payloads: list[Payload],
    ) -> None:
        self._action = action
        self._code = code
        self._secrets = secrets
        self.carrier = transport.begin()
        self._masker = masker
        self._provenance = provenance
        self._payloads = payloads
        self.last: Response | None = None
        self.count = 0
        self.sent: list[Request] = []

    def masker(self) -> Masker:
        """Return what masks the secrets of the settings and of the requests that were sent."""
        return self._masker.with_requests(self.sent)

    async def send(self, request: Any) -> Response:
        if not isinstance(request, Request):
            raise _broken(self._action, f"yielded {type(request).__name__} in place of a Request")
        if self.count >= MAX_STEPS:
            raise _broken(self._action, f"made {MAX_STEPS} requests without an end")
        policy = self._action.batch
        if policy is not None and (size := excess(policy, len(self._payloads), request)):
            raise _TooLongError(size, policy.max_bytes or 0)
        self.count += 1
        self.last = None
        is_foreign = False
        if self._provenance is not None:
            request, is_foreign = self._provenance.judge(request, self._payloads)
        self.sent.append(request)
        request = request.with_secrets(self._secrets) if self._secrets else request
        self.last = await self.carrier.send(request, is_foreign=is_foreign)
        return self.last

    async def drive(self, generator: Steps, count: int) -> list[Outcome]:
        """Run an action of several steps: send what it yields, give it the answer, until it returns the outcomes."""
        response: Response | None = None
        try:
            while True:
                is_end, given = await self._code.run((self._action.name, self.count), _advance, generator, response)
                if is_end:
                    return _checked(self._action, given, count)
                response = await self.send(given)
        except (PluginError, SendError, TimeoutError, _TooLongError):
            raise
        except PLUGIN_RAISES as error:
            # Code that cannot read an answer of failure has met the failure: its status says more than the exception.
            if (outcome := _failure(self.last) or _unread(self.last)) is not None:
                return [outcome] * count
            raise _broken(self._action, f"raised {type(error).__name__}: {error}") from error
        finally:
            # Where it computes still, in a thread, it cannot be closed; it ends with its thread.
            with contextlib.suppress(*PLUGIN_RAISES):
                generator.close()

    async def read(self, response: Response, payloads: list[Payload]) -> list[Outcome]:
        """Read an answer to an outcome for each payload."""
        reader: Callable[..., Any] | None = self._action.outcomes
        if reader is None:
            return [Outcome.of(response)] * len(payloads)
        try:
            outcomes = await self._code.run((self._action.name, "outcomes"), reader, response, payloads)
        except PLUGIN_RAISES as error:
            if (outcome := _failure(response) or _unread(response)) is not None:
                return [outcome] * len(payloads)
            raise _broken(self._action, f"cannot read the answer: {type(error).__name__}: {error}") from error
        return _checked(self._action, outcomes, len(payloads))


def _advance(generator: Steps, response: Response | None) -> tuple[bool, Any]:
    """Give a generator an answer; return whether it ended, and what it yielded or returned."""
    try:
        return False, next(generator) if response is None else generator.send(response)
    except StopIteration as end:
        return True, end.value


def _failure(response: Response | None) -> Outcome | None:
    outcome = None if response is None else Outcome.of(response)
    return None if outcome is None or outcome.kind == "delivered" else outcome


def _unread(response: Response | None) -> Outcome | None:
    """Return what a success means whose answer was cut, and could not be read for it.

    The calls may have been taken, and some refused in the part that nobody saw. To call them delivered would lose the
    refused ones silently; so they are sent again, by halves, whose answers are shorter, under the same keys, by which a
    vendor that deduplicates ignores what it has. One alone is tried until its window ends, and dies with this reason.
    """
    if response is None or not response.is_cut:
        return None
    told = f"HTTP {response.status}, but its answer was cut off after {len(response.body):,} bytes"
    return Outcome.retry(f"{told}: what became of each call is not known")


def _is_unread(outcomes: list[Outcome], response: Response | None) -> bool:
    """Whether a batch is to be tried by halves, since its answer was too long to be read."""
    return len(outcomes) > 1 and (unread := _unread(response)) is not None and all(each == unread for each in outcomes)


def _checked(action: Action, outcomes: Any, count: int) -> list[Outcome]:
    """Return what a plugin says became of its payloads; a missing outcome is an error, never a success."""
    if not isinstance(outcomes, (list, tuple)):
        raise _broken(action, f"returned {type(outcomes).__name__} in place of a list of outcomes")
    if len(outcomes) != count:
        raise _broken(action, f"returned {len(outcomes)} outcomes for {count} payloads")
    return [outcome if _is_sound(outcome) else _mended(action, outcome) for outcome in outcomes]


def _is_sound(outcome: Any) -> bool:
    if not isinstance(outcome, Outcome):
        return False
    # Its attributes are what the plugin put there, whatever the types say.
    kind: Any = outcome.kind
    reason: Any = outcome.reason
    if type(kind) is not str or kind not in _KINDS or type(reason) is not str:
        return False
    return (bool(reason.strip()) or kind == "delivered") and _is_wait(outcome.retry_after)


def _is_wait(seconds: Any) -> bool:
    return seconds is None or (type(seconds) in (int, float) and math.isfinite(seconds) and seconds >= 0)


def _mended(action: Action, outcome: Any) -> Outcome:
    """Return what an outcome means that is none, or an odd one: its call is tried again where that cannot be told."""
    if not isinstance(outcome, Outcome):
        return Outcome.retry(f"action {action.name} gave {type(outcome).__name__} in place of an outcome")
    kind: Any = outcome.kind
    reason: Any = outcome.reason
    wait: Any = outcome.retry_after
    if type(kind) is not str or kind not in _KINDS:
        return Outcome.retry(f"action {action.name} gave an outcome of an unknown kind, {_named(kind)}")
    if type(reason) is not str:
        reason = f"action {action.name} gave {type(reason).__name__} in place of a reason"
    elif not reason.strip():
        reason = f"action {action.name} gave no reason"
    if not _is_wait(wait):
        reason, wait = f"{reason} (it asked to wait {_named(wait)}, which is no number of seconds)", None
    return Outcome(cast(Any, kind), reason, wait)


def _named(value: Any) -> str:
    return (
        repr(value[:40]) if isinstance(value, str) else f"{value}" if isinstance(value, float) else type(value).__name__
    )


def _broken(action: Action, what: str) -> PluginError:
    return PluginError(action.destination, f"action {action.name} {what}")


def _blame(error: PluginError, count: int, steps: _Steps) -> Attempted:
    """Tell what a failure of the plugin's code means."""
    reason = str(error)
    if steps.count:
        # Something was sent; what became of it is not known. A mended plugin may tell.
        return _attempted([Outcome.retry(reason)] * count, steps, error_type="plugin")
    # Nothing was sent. The function is pure, so it will fail on the same payloads again: find the one.
    return _attempted([Outcome.rejected(reason)] * count, steps, split=count > 1, error_type="plugin")


def _is_refused_whole(outcomes: list[Outcome], response: Response | None, *, is_http: bool) -> bool:
    if len(outcomes) < 2 or response is None:
        return False
    # Some vendors refuse with a 200 and a code in the body. A transport of the destination's own knows each item.
    if not (400 <= response.status < 500 or (is_http and 200 <= response.status < 300)):
        return False
    # Where a reader found different outcomes, the vendor has told the items apart already.
    return outcomes[0].kind == "rejected" and all(outcome == outcomes[0] for outcome in outcomes)


def _attempted(
    outcomes: list[Outcome],
    steps: _Steps,
    *,
    split: bool = False,
    is_sick: bool | None = None,
    error_type: str = "",
) -> Attempted:
    status = 0 if steps.last is None else steps.last.status
    masker = steps.masker()
    return Attempted(
        [_masked(outcome, masker) for outcome in outcomes],
        split,
        is_sick=status >= 500 if is_sick is None else is_sick,
        is_limited=status == 429,
        is_answered=steps.last is not None,
        error_type=error_type or _error_type(outcomes, status),
    )


def _error_type(outcomes: list[Outcome], status: int) -> str:
    """Return the status that says what is wrong; else what became of the first call that failed."""
    if status >= 300:
        return str(status)
    return next((outcome.kind for outcome in outcomes if outcome.kind != "delivered"), "")


def _masked(outcome: Outcome, masker: Masker) -> Outcome:
    """The one boundary: whatever a reason was made of, it goes to the store, to logs and pauses without secrets.

    It is one line there, of characters that every store and terminal takes.
    """
    # Masked before it is cut: a secret that was cut is known in none of its forms.
    reason = masker.mask(outcome.reason[:_MAX_READ])
    if not reason.isprintable():
        reason = " ".join(reason.split())
        reason = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in reason)
    reason = reason[:_MAX_REASON]
    return outcome if reason == outcome.reason else msgspec.structs.replace(outcome, reason=reason)


def _quoted(steps: _Steps) -> str:
    """Return the beginning of the last answer, in one line and without secrets: masked first, as a cut one is none."""
    if steps.last is None:
        return ""
    text = steps.masker().mask(steps.last.body[:_MAX_READ].decode(errors="replace"))
    text = " ".join(text[: 4 * _MAX_QUOTE].split())
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)[:_MAX_QUOTE]


def _with_quote(outcome: Outcome, response: Response | None, quote: str) -> Outcome:
    """Add the vendor's own words to a bare status: who must mend the mapping needs them."""
    if outcome.kind == "delivered" or response is None or outcome.reason != f"HTTP {response.status}" or not quote:
        return outcome
    return msgspec.structs.replace(outcome, reason=f"{outcome.reason}: {quote}")
