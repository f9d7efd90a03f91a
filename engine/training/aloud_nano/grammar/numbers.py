"""Numbers, durations and clock times: spoken form and the compact form used in calls."""

from __future__ import annotations

import random
import re
from typing import NamedTuple

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
# Pairs that are easily misheard (fifteen / fifty) get extra weight wherever a number is drawn.
CONFUSABLE = [13, 14, 15, 16, 17, 18, 19, 30, 40, 50, 60, 70, 80, 90]
ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split()


def words(number: int) -> str:
    if number < 0:
        return "minus " + words(-number)
    if number < 20:
        return _ONES[number]
    if number < 100:
        rest = number % 10
        return _TENS[number // 10] + (f" {_ONES[rest]}" if rest else "")
    if number < 1000:
        rest = number % 100
        return f"{_ONES[number // 100]} hundred" + (f" {words(rest)}" if rest else "")
    rest = number % 1000
    return f"{words(number // 1000)} thousand" + (f" {words(rest)}" if rest else "")


def said(rng: random.Random, number: int) -> str:
    """As people say it: now and then "a hundred and fifteen"."""
    text = words(number)
    if number > 99 and rng.random() < 0.3:
        text = text.replace("hundred ", "hundred and ")
        if text.startswith("one hundred"):
            text = "a" + text[3:]
    return text


def ordinal(number: int) -> str:
    """ "twenty first"; up to 99."""
    if number <= 20:
        return ORDINALS[number]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens]} {ORDINALS[ones]}" if ones else f"{_TENS[tens][:-1]}ieth"


def draw(rng: random.Random, low: int, high: int, confusable: float = 0.25) -> int:
    """Uniform in low…high, but with some probability one of the confusable pairs."""
    if rng.random() < confusable:
        options = [n for n in CONFUSABLE if low <= n <= high]
        if options:
            return rng.choice(options)
    return rng.randint(low, high)


def plural(number: int, unit: str) -> str:
    return f"{words(number)} {unit}" + ("" if number == 1 else "s")


class Said(NamedTuple):
    """Something with a compact form: how it was said, and the steps from one to the other."""

    said: str
    compact: str
    steps: tuple[str, ...] = ()


_UNIT_NAMES = {"h": "hour", "m": "minute", "s": "second"}
_IDIOMS = [
    Said("half an hour", "30m", ("half an hour = 30 min",)),
    Said("an hour", "1h"),
    Said("a minute", "1m"),
    Said("a quarter of an hour", "15m", ("60 / 4 = 15",)),
    Said("an hour and a half", "1h30m", ("half an hour = 30 min",)),
    Said("two and a half hours", "2h30m", ("half an hour = 30 min",)),
    Said("a minute and a half", "1m30s", ("half a minute = 30 s",)),
]


def duration_words(compact: str) -> str:
    """ "2h10m" → "two hours and ten minutes"."""
    parts = re.findall(r"(\d+)([hms])", compact)
    return " and ".join(plural(int(count), _UNIT_NAMES[unit]) for count, unit in parts)


def duration(rng: random.Random) -> Said:
    """("two hours and ten minutes", "2h10m")."""
    kind = rng.random()
    if kind < 0.52:
        minutes = (
            draw(rng, 1, 59) if rng.random() < 0.6 else rng.choice([1, 2, 3, 5, 10, 20, 25, 45])
        )
        compact = f"{minutes}m"
    elif kind < 0.65:
        compact = f"{rng.choice([5, 10, 15, 20, 30, 40, 45, 50, 90])}s"
    elif kind < 0.76:
        compact = f"{rng.randint(1, 12)}h"
    elif kind < 0.85:
        compact = f"{rng.randint(1, 5)}h{rng.choice([5, 10, 15, 20, 30, 45, 50])}m"
    elif kind < 0.92:
        compact = f"{draw(rng, 1, 20)}m{rng.choice([10, 15, 20, 30, 40, 45, 50])}s"
    else:
        return rng.choice(_IDIOMS)
    spoken = duration_words(compact)
    if rng.random() < 0.1:
        spoken = spoken.replace(" and ", " ")
    return Said(spoken, compact)


def clock_words(compact: str) -> str:
    """ "7:30am" → "seven thirty a m"; "7:05" → "seven oh five"."""
    hour, minute, half = re.fullmatch(r"(\d+):(\d\d)(am|pm)?", compact).groups()  # type: ignore[union-attr]
    number = int(minute)
    spoken = "" if number == 0 else f" oh {words(number)}" if number < 10 else f" {words(number)}"
    return f"{words(int(hour))}{spoken}" + (f" {' '.join(half)}" if half else "")


def clock(rng: random.Random) -> Said:
    """("seven thirty a m", "7:30am"), and the other ways to say a time of day."""
    hour = rng.randint(1, 12)
    minute = rng.choice([0, 0, 0, 30, 30, 15, 45, 5, 10, 20, 25, 40, 50, 55])
    half = rng.choice(["am", "pm"])
    compact = f"{hour}:{minute:02d}{half}"
    kind = rng.random()
    if kind < 0.68:
        return Said(clock_words(compact), compact)
    if kind < 0.72:
        return rng.choice([Said("noon", "12:00pm", ("noon = 12 pm",)),
                           Said("midnight", "12:00am", ("midnight = 12 am",))])  # fmt: skip
    if half == "am":
        part = "in the morning"
    else:
        part = "at night" if 9 <= hour < 12 else "in the evening" if 6 <= hour < 9 else ""
        part = part or "in the afternoon"
    if kind < 0.86 and hour != 12:
        clock_face = words(hour) + ("" if minute else rng.choice([" o'clock", ""]))
        spoken = clock_words(compact).removesuffix(f" {' '.join(half)}") if minute else clock_face
        return Said(f"{spoken} {part}", compact, (f"{part} = {half}",))
    if hour == 12 or minute not in (15, 30, 45):
        return Said(clock_words(compact), compact)
    name = {15: "quarter past", 30: "half past", 45: "quarter to"}[minute]
    named = hour + 1 if minute == 45 else hour
    if named == 12:
        return Said(clock_words(compact), compact)
    spoken = f"{name} {words(named)}"
    return Said(f"{spoken} {' '.join(half)}", compact, (f"{name} {named} = {hour}:{minute}",))


_SMALL = {name: value for value, name in enumerate(_ONES)}
_BIG = {name: value * 10 for value, name in enumerate(_TENS) if value > 1}


def _below_hundred(tokens: list[str], at: int) -> tuple[int, int]:
    if at < len(tokens) and tokens[at] in _BIG:
        value = _BIG[tokens[at]]
        ones = _SMALL.get(tokens[at + 1], 0) if at + 1 < len(tokens) else 0
        return (value + ones, at + 2) if 0 < ones < 10 else (value, at + 1)
    if at < len(tokens) and tokens[at] in _SMALL:
        return _SMALL[tokens[at]], at + 1
    return 0, at


def _below_thousand(tokens: list[str], at: int) -> tuple[int, int]:
    value, end = _below_hundred(tokens, at)
    if not (0 < value < 10 and end < len(tokens) and tokens[end] == "hundred"):
        return value, end
    end += 1
    skip = 1 if end < len(tokens) and tokens[end] == "and" else 0
    rest, after = _below_hundred(tokens, end + skip)
    return (value * 100 + rest, after) if after > end + skip else (value * 100, end)


def parse_number(tokens: list[str], start: int) -> tuple[int, int]:
    """The number that begins at ``start`` and where it ends (``start`` itself: none there)."""
    value, end = _below_thousand(tokens, start)
    if end > start and value and end < len(tokens) and tokens[end] == "thousand":
        rest, after = _below_thousand(tokens, end + 1)
        return value * 1000 + rest, after
    return value, end


def value_of(text: str) -> int | None:
    """ "twenty five" → 25; None where the text is not one number."""
    tokens = text.split()
    sign = -1 if tokens[:1] == ["minus"] else 1
    tokens = tokens[1:] if sign < 0 else tokens
    value, end = parse_number(tokens, 0)
    return sign * value if tokens and end == len(tokens) else None


def with_digits(text: str) -> str:
    """How the same sentence would be typed: "five minutes" → "5 minutes"."""
    tokens = text.split()
    made: list[str] = []
    at = 0
    while at < len(tokens):
        value, end = parse_number(tokens, at)
        if end > at:
            made.append(str(value))
            at = end
        else:
            made.append(tokens[at])
            at += 1
    return " ".join(made)
