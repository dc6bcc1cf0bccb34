"""What a request over HTTP that got no answer means: for its calls, and in one word for who counts failures."""

from __future__ import annotations

import contextlib
import socket
import ssl
from urllib.parse import urlsplit

import aiohttp

from actions_engine.delivery.transports.addresses import PrivateAddressError
from actions_engine.delivery.transports.contract import SendError
from actions_engine.delivery.transports.proxy import refused
from actions_engine.outcome import Outcome
from actions_engine.request import Request, Secret


def unsendable(error: Exception) -> SendError:
    """Return what is told of a request that cannot be built or sent, whoever it goes to."""
    return SendError(
        Outcome.rejected(f"the request cannot be sent: {error}"), is_sick=False, error_type=error_type_of(error)
    )


def failure(error: Exception, request: Request) -> SendError:
    """Tell what a failed connection means: try again, or wait until someone mends the settings."""
    outcome, is_sick = _meaning(error, request)
    return SendError(outcome, is_sick=is_sick, error_type=error_type_of(error))


def error_type_of(error: BaseException) -> str:
    """Return a stable word for an error, as `error.type` of OpenTelemetry asks for one."""
    if _is_private(error):
        return "private_address"
    match error:
        case SendError():
            return error.error_type
        case TimeoutError():
            return "timeout"
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return "proxy"
        case aiohttp.ClientConnectorDNSError():
            return "dns"
        case aiohttp.ClientSSLError():
            return "tls"
        case aiohttp.ServerDisconnectedError():
            return "connection"
        case aiohttp.ClientPayloadError():
            return "answer"
        case OSError():
            cause = getattr(error, "os_error", error)
            return "tls" if isinstance(cause, ssl.SSLError) else "dns" if _is_unresolved(cause) else "connection"
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | ValueError() | TypeError():
            return "request"
        case aiohttp.ClientError():
            return "answer"
    return "cancelled"


def _is_private(error: BaseException) -> bool:
    return isinstance(error, PrivateAddressError) or isinstance(getattr(error, "os_error", None), PrivateAddressError)


def _is_unresolved(cause: object) -> bool:
    return isinstance(cause, socket.gaierror)


def _meaning(error: Exception, request: Request) -> tuple[Outcome, bool]:
    """Return what becomes of the calls, and whether the destination seems unwell."""
    # The URL may be a secret as a whole, its host included.
    host = "the host" if isinstance(request.url, Secret) else (_host(request.url) or "the host")
    if _is_private(error):
        told = (
            "its URL comes from the event and leads into a private network; `delivery: {allow_private: true}` lets it"
        )
        return Outcome.rejected(told), False
    match error:
        case aiohttp.ClientProxyConnectionError():
            return Outcome.retry(f"the proxy cannot be reached: {_os_reason(error)}"), True
        case aiohttp.ClientHttpProxyError():
            return refused(error.status), True
        case aiohttp.ClientConnectorDNSError():
            return Outcome("paused", f"{host} cannot be resolved"), True
        case aiohttp.ClientConnectorCertificateError():
            why = getattr(error.certificate_error, "verify_message", "") or "it cannot be verified"
            return Outcome("paused", f"the TLS certificate of {host} is refused: {why}"), True
        case aiohttp.ClientConnectorSSLError():
            return Outcome("paused", f"no TLS connection to {host}: {_os_reason(error)}"), True
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return Outcome.rejected("the request cannot be sent: its URL is not one"), False
        case aiohttp.ClientConnectorError() | aiohttp.ClientOSError() | OSError():
            return Outcome.retry(f"no connection: {_os_reason(error)}"), True
        case aiohttp.ServerDisconnectedError():
            return Outcome.retry("the connection was closed without an answer"), True
        case aiohttp.ClientPayloadError():
            return Outcome.retry("the answer was cut off"), True
        case aiohttp.ClientError():
            return Outcome.retry(f"the answer cannot be read: {type(error).__name__}"), True
    return Outcome.rejected(f"the request cannot be sent: {error}"), False


def _host(url: str) -> str:
    with contextlib.suppress(ValueError):
        return urlsplit(url).hostname or ""
    return ""


def _os_reason(error: Exception) -> str:
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ssl.SSLError):
        return (cause.reason or "the handshake failed").lower().replace("_", " ")
    if _is_unresolved(cause):
        return "the host cannot be resolved"
    return getattr(cause, "strerror", None) or type(cause).__name__
