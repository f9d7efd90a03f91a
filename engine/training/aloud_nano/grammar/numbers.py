"""Numbers, durations and clock times: spoken form and the compact form used in calls."""

from __future__ import annotations

import random
import re

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
# Pairs that are easily misheard (fifteen / fifty) get extra weight wherever a number is drawn.
CONFUSABLE = [13, 14, 15, 16, 17, 18, 19, 30, 40, 50, 60, 70, 80, 90]


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


def draw(rng: random.Random, low: int, high: int, confusable: float = 0.25) -> int:
    """Uniform in low…high, but with some probability one of the confusable pairs."""
    if rng.random() < confusable:
        options = [n for n in CONFUSABLE if low <= n <= high]
        if options:
            return rng.choice(options)
    return rng.randint(low, high)


def plural(number: int, unit: str) -> str:
    return f"{words(number)} {unit}" + ("" if number == 1 else "s")


def duration(rng: random.Random) -> tuple[str, str]:
    """("two hours and ten minutes", "2h10m")."""
    kind = rng.random()
    if kind < 0.55:
        minutes = (
            draw(rng, 1, 59) if rng.random() < 0.6 else rng.choice([1, 2, 3, 5, 10, 20, 25, 45])
        )
        return plural(minutes, "minute"), f"{minutes}m"
    if kind < 0.7:
        seconds = rng.choice([5, 10, 15, 20, 30, 45, 50, 90])
        return plural(seconds, "second"), f"{seconds}s"
    if kind < 0.82:
        hours = rng.randint(1, 12)
        return plural(hours, "hour"), f"{hours}h"
    if kind < 0.92:
        hours, minutes = rng.randint(1, 5), rng.choice([5, 10, 15, 20, 30, 45, 50])
        return f"{plural(hours, 'hour')} and {plural(minutes, 'minute')}", f"{hours}h{minutes}m"
    minutes, seconds = draw(rng, 1, 20), rng.choice([10, 15, 20, 30, 40, 45, 50])
    return f"{plural(minutes, 'minute')} and {plural(seconds, 'second')}", f"{minutes}m{seconds}s"


def clock(rng: random.Random) -> tuple[str, str]:
    """("seven thirty a m", "7:30am")."""
    hour = rng.randint(1, 12)
    minute = rng.choice([0, 0, 0, 30, 30, 15, 45, 5, 10, 20, 25, 40, 50, 55])
    half = rng.choice(["am", "pm"])
    spoken = {0: "", 5: " oh five"}.get(minute, f" {words(minute)}")
    return f"{words(hour)}{spoken} {' '.join(half)}", f"{hour}:{minute:02d}{half}"


_VALUES = {words(n): n for n in range(1000)}
_NUMBER = re.compile(
    r"\b(" + "|".join(sorted(map(re.escape, _VALUES), key=len, reverse=True)) + r")\b"
)


def with_digits(text: str) -> str:
    """How the same sentence would be typed: "five minutes" → "5 minutes"."""
    return _NUMBER.sub(lambda match: str(_VALUES[match.group(1)]), text)
