"""A User-Agent header -> the browser, by the names that Mixpanel's own libraries give.

Source: `info.browser` of https://github.com/mixpanel/mixpanel-js/blob/master/src/utils.js, by the header alone.
"""

import re

# Longer headers are no browser's.
_MAX_LENGTH = 2_000
# What a header has, tried from first to last, and what stands before the version.
_BROWSERS = tuple(
    (name, re.compile(pattern), re.compile(rf"{before}(\d+(?:\.\d+)+)"))
    for name, pattern, before in (
        ("Opera Mini", r" OPR/.*Mini|Mini.* OPR/", "OPR/"),
        ("Opera", " OPR/", "OPR/"),
        ("BlackBerry", "(?i:BlackBerry|PlayBook|BB10)", "BlackBerry "),
        ("Internet Explorer Mobile", "IEMobile|WPDesktop", "rv:"),
        ("Samsung Internet", "SamsungBrowser/", "SamsungBrowser/"),
        ("Microsoft Edge", "Edge|Edg/", "Edge?/"),
        ("Facebook Mobile", "FBIOS", "FBAV/"),
        ("Whale Browser", "Whale/", "Whale/"),
        ("Chrome", "Chrome", "Chrome/"),
        ("Chrome iOS", "CriOS", "CriOS/"),
        ("UC Browser", "UCWEB|UCBrowser", "(?:UCBrowser|UCWEB)/"),
        ("Firefox iOS", "FxiOS", "FxiOS/"),
        ("Mobile Safari", "(?:iPhone|iPad|iPod).*Safari", "Version/"),
        ("Safari", "Safari", "Version/"),
        ("Android Mobile", "Android", "Android "),
        ("Konqueror", "Konqueror", "Konqueror[:/]"),
        ("Firefox", "Firefox", "Firefox/"),
        ("Internet Explorer", "MSIE|Trident/", "(?:rv:|MSIE )"),
        ("Mozilla", "Gecko", "rv:"),
    )
)


def browser_of(user_agent: str) -> dict[str, str]:
    """Return the fields `browser` and `browser_version` that a User-Agent header says, as far as it does."""
    header = user_agent[:_MAX_LENGTH]
    for name, pattern, version in _BROWSERS:
        if pattern.search(header):
            found = version.search(header)
            return {"browser": name, **({"browser_version": found[1]} if found else {})}
    return {}
