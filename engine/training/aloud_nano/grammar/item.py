"""One thing a person may say, with what nano should think and answer."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """``text`` is spoken form: lower case words of a–z and apostrophes.

    ``call`` is the parseable tool call of the thought; ``steps`` is the worked reasoning before
    it, each step without its full stop. ``answer`` is None where it depends on the sound;
    ``question`` then says on what. ``finished`` is False where the speaker was cut mid-way.
    ``result`` is not None where this item is what a tool gave back (``text`` is then empty).
    """

    text: str
    call: str
    answer: str | None
    intent: str = ""
    question: str | None = None
    steps: tuple[str, ...] = ()
    finished: bool = True
    result: str | None = None


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def names(text: str) -> str:
    """ "new delhi" → "New Delhi"."""
    return " ".join(map(capital, text.split()))


def article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def your(phrase: str) -> str:
    """What the speaker calls "my" is "your" in the answer."""
    return " ".join("your" if word == "my" else word for word in phrase.split())


def listed(things: list[str]) -> str:
    """ "milk, bread and eggs"."""
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"


_PROPER = re.compile(
    r"\b(i|i'm|i'd|i'll|monday|tuesday|wednesday|thursday|friday|saturday|sunday|mom|dad|anna|john|"
    r"peter|mary|alice|tom|sarah|david|grandma|grandpa|emma|jack|laura|mike|lisa|ben|kate|"
    r"uncle bob|aunt jane|paul)\b"
)


def proper(text: str) -> str:
    """Names, weekdays and "I" as they are written."""
    return _PROPER.sub(lambda match: names(match[0]), text)
