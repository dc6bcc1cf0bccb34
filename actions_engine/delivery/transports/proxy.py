"""The proxy that carries a request: that of the settings, or the environment's."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from actions_engine.delivery.transports.contract import SendError
from actions_engine.delivery_settings import ENVIRONMENT, proxy_fault
from actions_engine.outcome import Outcome

# Statuses by which a proxy says that it does not let us through, whoever tries again.
_REFUSALS = (401, 403, 407)


class Proxy:
    """Says which proxy carries a request.

    Args:
        setting: Its URL; `environment` for that of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY but for the hosts of NO_PROXY,
            as curl reads them; empty for none.
    """

    def __init__(self, setting: str) -> None:
        self._setting = setting

    def of(self, url: str) -> str | None:
        """Return the proxy's URL for a request to a URL, or None.

        Raises:
            SendError: it is no URL of a proxy; the destination waits until it is.
        """
        if not self._setting:
            return None
        proxy = _of_environment(url) if self._setting == ENVIRONMENT else self._setting
        if proxy and proxy_fault(proxy):
            raise SendError(Outcome("paused", f"the proxy cannot be used: {proxy_fault(proxy)}"), is_sick=False)
        return proxy


def refused(status: int) -> Outcome:
    """Return what it means that a proxy does not pass a request on: it never reached its destination."""
    told = f"the proxy does not pass the request on: HTTP {status}"
    return Outcome("paused", told) if status in _REFUSALS else Outcome.retry(told)


def _of_environment(url: str) -> str | None:
    # aiohttp's own way would read ~/.netrc, too.
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    found = getproxies()
    proxy = found.get(parts.scheme) or found.get("all")
    # `proxy.example.com:3128` is what many write.
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy
