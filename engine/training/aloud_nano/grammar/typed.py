"""How people type what they would otherwise say."""

from __future__ import annotations

import random
import re

from aloud_nano.grammar.numbers import with_digits

_QUESTION = (
    "what", "what's", "how", "is", "am", "do", "does", "can", "which", "who", "will", "may", "are",
    "did", "could", "where", "when", "would", "how's", "why",
)  # fmt: skip
_SHORT = {"minutes": "min", "minute": "min", "seconds": "sec", "second": "sec", "hours": "h",
          "hour": "h", "kilometers": "km", "kilometer": "km", "meters": "m", "centimeters": "cm",
          "kilograms": "kg", "grams": "g", "liters": "l", "milliliters": "ml",
          "millimeters": "mm"}  # fmt: skip
_CLOCK = re.compile(r"\b(\d{1,2})(?: (oh \d|\d\d))? ([ap]) m\b")
_UNIT = re.compile(r"\b(\d+) (" + "|".join(_SHORT) + r")\b")
_OPERATORS = {"plus": "+", "minus": "-", "times": "*", "multiplied by": "*", "divided by": "/"}
_SIGNS = re.compile(r"(?<=\d) (plus|minus|times|multiplied by|divided by) (?=\d)")
_PROPER = re.compile(
    r"\b(i|i'm|i'd|i'll|monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b"
)


def _clock(text: str, spaced: bool) -> str:
    def write(match: re.Match[str]) -> str:
        minute = (match[2] or "").replace("oh ", "0")
        half = f"{' ' if spaced else ''}{match[3]}m"
        return f"{match[1]}:{minute}{half}" if minute else f"{match[1]}{half}"

    return _CLOCK.sub(write, text)


def _operators(text: str, rng: random.Random) -> str:
    times = rng.choice(["*", "*", "x", "×"])
    space = rng.choice([" ", " ", ""])

    def write(match: re.Match[str]) -> str:
        sign = _OPERATORS[match[1]]
        return f"{space}{times if sign == '*' else sign}{space}"

    return _SIGNS.sub(write, text)


def _typo(text: str, rng: random.Random) -> str:
    """One slip in a longer word: letters swapped, doubled or left out. Never in a number."""
    places = [i for i in range(1, len(text) - 2)
              if text[i - 1 : i + 3].isalpha() and text[i - 1 : i + 3].isascii()]  # fmt: skip
    if not places:
        return text
    at = rng.choice(places)
    kind = rng.random()
    if kind < 0.4:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at + 1 :] if kind < 0.7 else text[:at] + text[at] + text[at:]


def typed_form(text: str, rng: random.Random) -> str:
    """A spoken-form text as somebody types it: digits, operators, units, marks, a rare slip."""
    words_of = text.split()
    first = words_of[0] if words_of else ""
    if rng.random() < 0.6:
        text = with_digits(text)
        text = _clock(text, rng.random() < 0.5)
        if rng.random() < 0.75:
            text = re.sub(r"(?<=\d) percent\b", "%", text)
            text = _operators(text, rng)
        if rng.random() < 0.4:
            text = _UNIT.sub(lambda match: f"{match[1]} {_SHORT[match[2]]}", text)
    if rng.random() < 0.05:
        text = _typo(text, rng)
    style = rng.random()
    if style < 0.4:
        text = _PROPER.sub(lambda match: match[0][:1].upper() + match[0][1:], text)
        text = text[:1].upper() + text[1:]
        if rng.random() < 0.75:
            text += "?" if first in _QUESTION else rng.choice([".", ".", "", "!"])
    elif style < 0.5 and first in _QUESTION:
        text += "?"
    elif style < 0.52:
        text = text.upper()
    return text
