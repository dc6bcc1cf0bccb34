"""Addresses that a URL from an event may not lead to: those of this machine and of the network around it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver


class PrivateAddressError(OSError):
    """A name leads to an address that is not of the public internet."""


def check_address(address: str) -> None:
    """Refuse an address that is private, loopback, link-local, reserved or otherwise not of the public internet.

    Source: the registries of https://www.iana.org/assignments/iana-ipv4-special-registry/ and its IPv6 sibling, as
    Python's `ipaddress` has them.

    Raises:
        PrivateAddressError: it is one.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        # An IPv4 address in the clothes of IPv6: mapped, 6to4, or behind NAT64 (RFC 6052).
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            check_address(str(inner))
            return
    if not found.is_global or found.is_multicast:
        raise PrivateAddressError(f"{address} is no address of the public internet")


async def check_host(host: str) -> None:
    """Resolve a name, in any spelling, and refuse it where it leads to a private address.

    Raises:
        PrivateAddressError: it does.
        OSError: it cannot be resolved.
    """
    loop = asyncio.get_running_loop()
    for *_, address in await loop.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM):
        check_address(str(address[0]))


class PublicResolver(AbstractResolver):
    """Resolves names for connections and refuses private addresses: what is checked is what is connected to."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name."""
        found: list[Any] = await self._resolver.resolve(host, port, family)
        for each in found:
            check_address(each["host"])
        return found

    async def close(self) -> None:
        """Let go of nothing: there is nothing."""
        await self._resolver.close()
