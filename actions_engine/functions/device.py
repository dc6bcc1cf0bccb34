"""Devices: what a browser's or an app's User-Agent header tells."""

from __future__ import annotations

from typing import Any

# Longer headers are no browser's; the patterns that read them must not be made to work on megabytes.
_MAX_LENGTH = 2_000


def parse_user_agent(subject: str) -> dict[str, Any]:
    """Return what a User-Agent says, in the fields that are known of it.

    They are `browser`, `browser_version`, `os`, `os_version`, `device`, `device_brand` and `device_model`.
    """
    from ua_parser import parse  # noqa: PLC0415 - its tables take longer to load than all the rest

    found = parse(subject[:_MAX_LENGTH])
    browser, system, device = found.user_agent, found.os, found.device
    told = {
        "browser": browser and browser.family,
        "browser_version": browser and _version(browser.major, browser.minor, browser.patch),
        "os": system and system.family,
        "os_version": system and _version(system.major, system.minor, system.patch),
        "device": device and device.family,
        "device_brand": device and device.brand,
        "device_model": device and device.model,
    }
    return {name: value for name, value in told.items() if value}


def _version(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)


FUNCTIONS = (parse_user_agent,)
