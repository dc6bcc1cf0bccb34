"""Names of events: which say nothing, which hold data, and how a name is shown without it.

The spec asks for names that everyone understands at once, built from a noun and a verb in the past tense, and warns of
`Event 12` and `TMDropd`. Source: https://segment.com/docs/connections/spec/track/#event.
"""

from __future__ import annotations

import re
from functools import lru_cache

from actions_engine.errors import Problem, Severity

#: The most characters of a name that are looked at, and shown.
MAX_READ = 200
MAX_SHOWN = 80

_DATA = (
    ("e-mail address", re.compile(r"[^\s@]+@[^\s@]+")),
    ("URL", re.compile(r"https?://\S+")),
    ("UUID", re.compile(r"\b[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")),
    ("date", re.compile(r"\b(19|20)[0-9]{2}[-/.][0-9]{1,2}([-/.][0-9]{1,2})?(T\S+)?")),
    ("date", re.compile(r"\b[0-9]{1,2}[-/.][0-9]{1,2}[-/.](19|20)[0-9]{2}\b")),
    ("id", re.compile(r"\b(?=\w*[0-9])(?=\w*[a-fA-F])[0-9a-fA-F]{12,}\b|[0-9]{4,}")),
)  # fmt: skip
_EMPTY_WORDS = frozenset("""
    event events test testing click clicked action track tracked foo bar baz asdf untitled unknown undefined null none
    custom new name default value data object tmp temp misc other example
""".split())  # fmt: skip # noqa: SIM905 - a list of words reads best as one text
# Verbs of common event names whose past tense does not end in -ed.
_PAST = frozenset("""
    begun bought broken built caught chosen cut done downloaded drawn dropped fallen felt fought found given gone got
    grown heard held hidden hit kept known laid led left lent let lost made meant met paid put read reset ridden risen
    run said seen sent set shared shown shut sold sought spent split spoken sprung stolen stood sung swept swum taken
    taught thrown told thought undone understood unread upset won worn written began broke chose drew fell gave grew
    knew overrun overwritten rebuilt resent resold rewritten ran saw spoke stole threw took wrote
""".split())  # fmt: skip # noqa: SIM905 - a list of words reads best as one text
_SMALL_WORDS = frozenset("a an and as at by for from in into of off on or out over per the to up via vs with".split())  # noqa: SIM905 - a list of words reads best as one text
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_]+")
# A syllable left out: `Dropd`, `Clckd`. English ends no word in these.
_ABBREVIATED = re.compile(r"[bcfgjkmpqstvxz]d$|[bcdfghjklmnpqrstvwxz]{6}|^[bcdfghjklmnpqrstvwxz]{3,}$", re.IGNORECASE)


def _problem(code: str, message: str, severity: Severity, hint: str = "") -> Problem:
    return Problem(code, message, severity=severity, hint=hint, field="event")


def check_name(name: str) -> tuple[Problem, ...]:
    """Return what is wrong with the name of a Track event, style included."""
    if len(name) > MAX_READ:
        message = f"the name has {len(name):,} characters"
        return (_problem("long-name", message, "warning", "put what varies into `properties`"),)
    return _check(name)


@lru_cache(maxsize=4096)
def _check(name: str) -> tuple[Problem, ...]:
    if not name.strip():
        return (_problem("empty-name", "the event's name is empty", "error"),) if name else ()
    found = [kind for kind, pattern in _DATA if pattern.search(name)]
    if found:
        message = f"the name holds {_article(found[0])}: every value makes an event of its own"
        return (_problem("data-in-name", message, "warning", "put what varies into `properties`"),)
    if _is_nondescript(name):
        hint = "a noun and a verb in the past tense, such as `Video Recorded`"
        return (_problem("nondescript-name", "the name does not say what happened", "warning", hint),)
    problems = []
    if name != name.strip() or "  " in name:
        problems.append(_problem("blanks-in-name", "the name has blanks too many", "warning"))
    if name.isascii() and (wanted := _style(name)):
        problems.append(_problem("name-style", "the spec recommends Object Action in Title Case", "hint", wanted))
    return tuple(problems)


def shown_name(name: str) -> str:
    """Return a name with the data in it replaced by what it is: `Order <id> Completed`."""
    if len(name) > MAX_READ:
        # What was cut in two would not be known for what it is.
        name = name[:MAX_READ].rpartition(" ")[0] + "…"
    for kind, pattern in _DATA:
        name = pattern.sub(f"<{kind}>", name)
    name = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)
    return name if len(name) <= MAX_SHOWN else name[: MAX_SHOWN - 1] + "…"


def spelling_key(name: str) -> str:
    """Return what names have in common that differ in case and separators alone: `Button Clicked`, `button_clicked`."""
    return re.sub(r"[\W_]+", "", name).casefold()


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aei" else f"a {kind}"


def _is_nondescript(name: str) -> bool:
    words = [word for word in _WORDS.findall(name) if not word.isdigit()]
    if not any(len(word) > 1 for word in words):
        return True
    if all(word.casefold() in _EMPTY_WORDS for word in words):
        return True
    # An acronym is no abbreviation of ours: `PDF Downloaded`.
    return any(len(word) > 3 and word.isascii() and _ABBREVIATED.search(word) and not word.isupper() for word in words)


def _style(name: str) -> str:
    """Return what the recommended style asks of a name, empty where it has it."""
    words = name.replace("-", " ").split()
    if "_" in name or (len(words) == 1 and len(_WORDS.findall(name)) > 1):
        return "separate words by blanks"
    if not any(_is_past(word) for word in words):
        return "end with a verb in the past tense, such as `Clicked`"
    if any(word[0].islower() and word not in _SMALL_WORDS for word in words):
        return "begin each word with a capital"
    if len(words) < 2:
        return "begin with the noun that it happened to"
    return ""


def _is_past(word: str) -> bool:
    plain = word.casefold().strip("().,!?")
    return plain in _PAST or (plain.endswith("ed") and len(plain) > 3)
