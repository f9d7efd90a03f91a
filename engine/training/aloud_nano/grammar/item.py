"""One thing a person may say, with what nano should think and answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """``text`` is spoken form: lower case words. ``call`` is the parseable part of the thought.

    ``answer`` is None where it depends on the sound; ``question`` then says on what.
    """

    text: str
    call: str
    answer: str | None
    intent: str = ""
    question: str | None = None


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def your(phrase: str) -> str:
    """What the speaker calls "my" is "your" in the answer."""
    return " ".join("your" if word == "my" else word for word in phrase.split())
