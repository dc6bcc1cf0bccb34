"""Requests over HTTP, by aiohttp: one pooled session for each destination instance."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from email.utils import formatdate
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from actions_engine import __version__
from actions_engine.delivery.clock import Clock
from actions_engine.delivery.instruments import RequestObserver, SentRequest
from actions_engine.delivery.transports.addresses import (
    PrivateAddressError,
    PublicResolver,
    check_address,
    check_host,
)
from actions_engine.delivery.transports.contract import SendError
from actions_engine.delivery.transports.failures import error_type_of, failure, unsendable
from actions_engine.delivery.transports.proxy import Proxy, refused
from actions_engine.masking import MASK
from actions_engine.outcome import Outcome
from actions_engine.request import Request, Response, Secret, quoted

#: Bytes of an answer that are read; what goes beyond is cut off and the answer says so, the status still counts.
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
        observers: Sequence[RequestObserver] = (),
    ) -> None:
        self._timeout = timeout
        self._concurrency = concurrency
        self._max_answer = max_answer
        self._clock = clock or Clock()
        self._tls = tls
        self._proxy = Proxy(proxy)
        self._allow_private = allow_private
        # Whoever measures may come later.
        self._observers = observers
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
            raise unsendable(error) from None
        began = asyncio.get_running_loop().time()
        guarded = is_foreign and not self._allow_private
        try:
            told = _place(request, is_foreign) if self._observers else ("", 0)
            if guarded:
                await self._check(url)
            # The session's timeout is for one request, its answer's body included.
            response = await self._once(request.method, url, headers, body, guarded, told)
            if _is_redirect(request, response):
                async with asyncio.timeout_at(began + self._timeout):
                    response = await self._follow(request, url, headers, response, guarded, told)
        except TimeoutError:
            late = Outcome.retry(f"no whole answer within {self._timeout:g} s")
            raise SendError(late, error_type="timeout") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise failure(error, request) from None
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
        self,
        request: Request,
        url: str,
        headers: dict[str, str],
        response: Response,
        guarded: bool,
        told: tuple[str, int],
    ) -> Response:
        body = request.body()
        for _ in range(_MAX_REDIRECTS - 1):
            try:
                target = urljoin(url, response.headers["location"])
                is_here = _same_host(url, target)
            except ValueError:
                reason = f"HTTP {response.status} with a Location that cannot be read"
                raise SendError(Outcome.retry(reason), error_type=str(response.status)) from None
            if not is_here:
                break
            url = quoted(target)
            response = await self._once(request.method, url, headers, body, guarded, told)
            if not _is_redirect(request, response):
                break
        return response

    async def _once(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        guarded: bool = False,
        told: tuple[str, int] = ("", 0),
    ) -> Response:
        """Exchange one request, measured where somebody wants to know; `told` is the server as it may be named."""
        if not self._observers:
            return await self._exchange(method, url, headers, body, guarded)
        began = time.perf_counter()
        status, error_type = 0, ""
        try:
            response = await self._exchange(method, url, headers, body, guarded)
            status = response.status
        except BaseException as error:
            error_type = error_type_of(error)
            raise
        finally:
            sent = SentRequest(
                method, *told, status, str(status) if status >= 400 else error_type, time.perf_counter() - began
            )
            for observe in self._observers:
                observe(sent)
        return response

    async def _exchange(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, guarded: bool
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
                raise SendError(refused(answer.status), error_type="proxy")
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
                if size > self._max_answer:
                    # The rest is not waited for: this connection ends, the pool opens another.
                    answer.close()
                    break
            is_cut = size > self._max_answer
            return Response(answer.status, self._headers(answer.headers), b"".join(chunks), is_cut)

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


def _place(request: Request, is_foreign: bool) -> tuple[str, int]:
    """Return the server and its port as measurements may name them."""
    if is_foreign:
        # Events would name any number of them.
        return "_OTHER", 0
    if isinstance(request.url, Secret):
        return MASK, 0
    parts = urlsplit(request.url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
