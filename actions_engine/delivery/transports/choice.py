"""Which transport carries an instance's requests: HTTP, or the destination's own."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from actions_engine.delivery.clock import Clock
from actions_engine.delivery.instruments import RequestObserver
from actions_engine.delivery.transports.contract import AsyncTransport
from actions_engine.mapping import Instance


def transport_of(
    instance: Instance, clock: Clock, tls: ssl.SSLContext | None, observers: Sequence[RequestObserver] = ()
) -> AsyncTransport:
    """Return a transport for an instance, not open yet.

    `tls` trusts other authorities than the system's; `observers` are told of each HTTP request.
    """
    settings, delivery, make = instance.settings, instance.delivery, instance.destination.transport
    if make is not None:
        from actions_engine.delivery.transports.plugin import OwnTransport  # noqa: PLC0415 - only where it is used

        return OwnTransport(lambda: make(settings), instance.name, concurrency=delivery.concurrency)
    from actions_engine.delivery.transports.http import HttpTransport  # noqa: PLC0415 - aiohttp takes long to import

    return HttpTransport(
        timeout=delivery.timeout,
        concurrency=delivery.concurrency,
        clock=clock,
        tls=tls,
        proxy=delivery.proxy.reveal() if delivery.proxy is not None else "",
        allow_private=delivery.allow_private,
        observers=observers,
    )
