"""Requests over HTTP, by aiohttp: one pooled session for each destination instance."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from email.utils import formatdate
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from actions_engine import __version__
from actions_engine.delivery.clock import Clock
from actions_engine.delivery.transports.addresses import (
    PrivateAddressError,
    PublicResolver,
    check_address,
    check_host,
)
from actions_engine.delivery.transports.contract import SendError
from actions_engine.delivery.transports.proxy import Proxy, refused
from actions_engine.outcome import Outcome
from actions_engine.request import Request, Response, Secret, quoted

#: Bytes of an answer that are read; what goes beyond is cut off, the status still counts.
MAX_ANSWER = 1_000_000
_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)


class HttpTransport:
    """Sends requests of one destination instance. Open it with `async with`, inside an event loop.

    TLS is verified. Cookies are not kept. A redirect is followed for GET and within the same host alone: another
    host must never see the credentials, and a POST that was redirected may not have been taken.
    """

    #: Whether what was sent must be flushed before it counts.
    flushes = False

    def __init__(
        self,
        *,
        timeout: float = 30.0,
        concurrency: int = 4,
        max_answer: int = MAX_ANSWER,
        clock: Clock | None = None,
        tls: ssl.SSLContext | None = None,
        proxy: str = "",
        allow_private: bool = False,
    ) -> None:
        self._timeout = timeout
        self._concurrency = concurrency
        self._max_answer = max_answer
        self._clock = clock or Clock()
        self._tls = tls
        self._proxy = Proxy(proxy)
        self._allow_private = allow_private
        self._session: aiohttp.ClientSession | None = None
        # For addresses that events name, made when there is one.
        self._public: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = self._made()
        return self

    def _made(self, resolver: PublicResolver | None = None) -> aiohttp.ClientSession:
        tls = self._tls if self._tls is not None else True
        connector = aiohttp.TCPConnector(limit=self._concurrency, ssl=tls, resolver=resolver)
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"actions-engine/{__version__}"},
            # ~/.netrc must not add what the plugin did not say.
            trust_env=False,
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in (self._session, self._public):
            if session is not None:
                await session.close()
        self._session = self._public = None

    def begin(self) -> Self:
        """Return itself: every request stands alone."""
        return self

    async def flush(self) -> None:
        """Do nothing: an answer says that the destination has it."""

    async def send(self, request: Request, *, is_foreign: bool = False) -> Response:
        """Send a request and return its answer; one to an address that an event named only to a public one.

        Raises:
            SendError: there was none, or not a whole one; or the request cannot be sent at all.
        """
        try:
            url, headers, body = request.full_url(), request.full_headers(), request.body()
        except (ValueError, TypeError) as error:
            raise _unsendable(error) from None
        began = asyncio.get_running_loop().time()
        guarded = is_foreign and not self._allow_private
        try:
            if guarded:
                await self._check(url)
            # The session's timeout is for one request, its answer's body included.
            response = await self._once(request.method, url, headers, body, guarded)
            if _is_redirect(request, response):
                async with asyncio.timeout_at(began + self._timeout):
                    response = await self._follow(request, url, headers, response, guarded)
        except TimeoutError:
            raise SendError(Outcome.retry(f"no whole answer within {self._timeout:g} s")) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failure(error, request) from None
        return response

    async def _check(self, url: str) -> None:
        """Refuse an address of this network: a literal one, and where a proxy would resolve the name, a name too."""
        host = urlsplit(url).hostname or ""
        try:
            check_address(host)
        except PrivateAddressError:
            raise
        except ValueError:
            if self._proxy.of(url):
                await check_host(host)

    async def _follow(
        self, request: Request, url: str, headers: dict[str, str], response: Response, guarded: bool
    ) -> Response:
        body = request.body()
        for _ in range(_MAX_REDIRECTS - 1):
            try:
                target = urljoin(url, response.headers["location"])
                is_here = _same_host(url, target)
            except ValueError:
                told = f"HTTP {response.status} with a Location that cannot be read"
                raise SendError(Outcome.retry(told)) from None
            if not is_here:
                break
            url = quoted(target)
            response = await self._once(request.method, url, headers, body, guarded)
            if not _is_redirect(request, response):
                break
        return response

    async def _once(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, guarded: bool = False
    ) -> Response:
        session = self._session
        if guarded:
            session = self._public = self._public or self._made(PublicResolver())
        if session is None:
            raise RuntimeError("the transport is not open")
        if url.count("/") < 3:
            # An empty path is sent as one: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.1
            origin, mark, query = url.partition("?")
            url = f"{origin}/{mark}{query}"
        skipped = None if body is None or "Content-Type" in headers else ("Content-Type",)
        proxy = self._proxy.of(url)
        # As it was built: quoted text stays quoted, and nothing is put in order.
        async with session.request(
            method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False,
            skip_auto_headers=skipped, proxy=proxy,
        ) as answer:  # fmt: skip
            if proxy is not None and answer.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
                raise SendError(refused(answer.status))
            # Of compressed content the length is not that of what comes out.
            if (
                answer.content_length or self._max_answer
            ) < self._max_answer and "Content-Encoding" not in answer.headers:
                return Response(answer.status, self._headers(answer.headers), await answer.read())
            chunks: list[bytes] = []
            size = 0
            async for chunk in answer.content.iter_any():
                chunks.append(chunk[: self._max_answer - size])
                size += len(chunk)
                if size >= self._max_answer:
                    # The rest is not waited for: this connection ends, the pool opens another.
                    answer.close()
                    break
            return Response(answer.status, self._headers(answer.headers), b"".join(chunks))

    def _headers(self, given: Any) -> dict[str, str]:
        headers: dict[str, str] = {}
        for name, value in given.items():
            low = name.lower()
            headers[low] = f"{headers[low]}, {value}" if low in headers else value
        if "retry-after" in headers and "date" not in headers:
            # A Retry-After that is a date counts from the answer's own; without one, from ours.
            headers["date"] = formatdate(self._clock.now(), usegmt=True)
        return headers


def _is_redirect(request: Request, response: Response) -> bool:
    return response.status in _REDIRECTS and request.method == "GET" and "location" in response.headers


def _same_host(url: str, target: str) -> bool:
    here, there = urlsplit(url), urlsplit(target)
    return (here.scheme, here.netloc) == (there.scheme, there.netloc)


def _unsendable(error: Exception) -> SendError:
    return SendError(Outcome.rejected(f"the request cannot be sent: {error}"), is_sick=False)


def _failure(error: Exception, request: Request) -> SendError:
    """Tell what a failed connection means: try again, or wait until someone mends the settings."""
    # The URL may be a secret as a whole, its host included.
    host = "the host" if isinstance(request.url, Secret) else (_host(request.url) or "the host")
    if isinstance(error, PrivateAddressError) or isinstance(getattr(error, "os_error", None), PrivateAddressError):
        told = (
            "its URL comes from the event and leads into a private network; `delivery: {allow_private: true}` lets it"
        )
        return SendError(Outcome.rejected(told), is_sick=False)
    match error:
        case aiohttp.ClientProxyConnectionError():
            return SendError(Outcome.retry(f"the proxy cannot be reached: {_os_reason(error)}"))
        case aiohttp.ClientHttpProxyError():
            return SendError(refused(error.status))
        case aiohttp.ClientConnectorDNSError():
            return SendError(Outcome("paused", f"{host} cannot be resolved"))
        case aiohttp.ClientConnectorCertificateError():
            why = getattr(error.certificate_error, "verify_message", "") or "it cannot be verified"
            return SendError(Outcome("paused", f"the TLS certificate of {host} is refused: {why}"))
        case aiohttp.ClientConnectorSSLError():
            return SendError(Outcome("paused", f"no TLS connection to {host}: {_os_reason(error)}"))
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return SendError(Outcome.rejected("the request cannot be sent: its URL is not one"), is_sick=False)
        case aiohttp.ClientConnectorError() | aiohttp.ClientOSError() | OSError():
            return SendError(Outcome.retry(f"no connection: {_os_reason(error)}"))
        case aiohttp.ServerDisconnectedError():
            return SendError(Outcome.retry("the connection was closed without an answer"))
        case aiohttp.ClientPayloadError():
            return SendError(Outcome.retry("the answer was cut off"))
        case aiohttp.ClientError():
            return SendError(Outcome.retry(f"the answer cannot be read: {type(error).__name__}"))
    return _unsendable(error)


def _host(url: str) -> str:
    with contextlib.suppress(ValueError):
        return urlsplit(url).hostname or ""
    return ""


def _os_reason(error: Exception) -> str:
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ssl.SSLError):
        return (cause.reason or "the handshake failed").lower().replace("_", " ")
    if isinstance(cause, socket.gaierror):
        return "the host cannot be resolved"
    return getattr(cause, "strerror", None) or type(cause).__name__
