"""Intents whose answer is computed; the thought shows every step."""

from __future__ import annotations

import random

from aloud_nano.grammar.item import Item, capital
from aloud_nano.grammar.numbers import draw, words

_SPOKEN = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
MONTHS = (
    "january february march april may june july august september october november december"
).split()
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
).split()


def apply(left: int, operator: str, right: int) -> int:
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    return left // right


def _pair(rng: random.Random) -> tuple[int, str, int]:
    operator = rng.choice("++--**/")
    if operator == "+":
        return draw(rng, 0, 99), "+", draw(rng, 0, 99)
    if operator == "-":
        small, large = sorted((draw(rng, 0, 99), draw(rng, 0, 99)))
        return large, "-", small
    if operator == "*":
        return rng.randint(0, 12), "*", rng.randint(0, 12)
    divisor = rng.randint(1, 12)
    return divisor * rng.randint(0, 12), "/", divisor


def math(rng: random.Random) -> Item:
    """Two or three operands: ``math: 3 + 4 = 7, 7 - 2 = 5``."""
    lead = rng.choice(["what is ", "what is ", "what's ", "calculate ", "how much is ", ""])
    left, operator, right = _pair(rng)
    three = rng.random() < 0.4
    while three and operator == "/":
        left, operator, right = _pair(rng)
    result = apply(left, operator, right)
    text = f"{lead}{words(left)} {_SPOKEN[operator]} {words(right)}"
    call = f"math: {left} {operator} {right} = {result}"
    if three:
        second = rng.choice("+-") if result > 0 else "+"
        third = rng.randint(0, min(50, result)) if second == "-" else draw(rng, 0, 50)
        final = apply(result, second, third)
        text += f" {_SPOKEN[second]} {words(third)}"
        call += f", {result} {second} {third} = {final}"
        result = final
    return Item(text, call, f"The answer is {words(result)}.")


_UNITS = [
    ("hour", "minute", 60), ("minute", "second", 60), ("day", "hour", 24), ("week", "day", 7),
    ("foot", "inch", 12), ("kilometer", "meter", 1000), ("meter", "centimeter", 100),
    ("kilogram", "gram", 1000), ("yard", "foot", 3), ("centimeter", "millimeter", 10),
    ("dollar", "cent", 100), ("year", "month", 12), ("liter", "milliliter", 1000),
    ("dozen", "piece", 12),
]  # fmt: skip


def _unit(number: int, unit: str) -> str:
    if number == 1:
        return unit
    return {"foot": "feet", "inch": "inches", "dozen": "dozen"}.get(unit, unit + "s")


def convert(rng: random.Random) -> Item:
    large, small, factor = rng.choice(_UNITS)
    count = rng.randint(1, 12 if factor < 1000 else 9)
    result = count * factor
    spoken = f"{words(count)} {_unit(count, large)}"
    text = rng.choice(
        [
            f"how many {_unit(2, small)} are in {spoken}",
            f"convert {spoken} to {_unit(2, small)}",
            f"what is {spoken} in {_unit(2, small)}",
        ]
    )
    verb = "is" if count == 1 else "are"
    answer = f"{capital(spoken)} {verb} {words(result)} {_unit(result, small)}."
    return Item(text, f"convert: {count} {large} * {factor} = {result} {small}", answer)


def compare(rng: random.Random) -> Item:
    left = draw(rng, 0, 99)
    right = draw(rng, 0, 99)
    while right == left:
        right = draw(rng, 0, 99)
    kind = rng.random()
    if kind < 0.4:
        word = rng.choice(["bigger", "smaller"])
        result = max(left, right) if word == "bigger" else min(left, right)
        return Item(
            f"which is {word} {words(left)} or {words(right)}",
            f"compare: {left}, {right}, {word} = {result}",
            f"{capital(words(result))} is {word}.",
        )
    if kind < 0.75:
        word, sign = rng.choice([("greater", ">"), ("less", "<")])
        true = left > right if sign == ">" else left < right
        return Item(
            f"is {words(left)} {word} than {words(right)}",
            f"compare: {left} {sign} {right} = {'yes' if true else 'no'}",
            f"{'Yes' if true else 'No'}, {words(left)} is {'' if true else 'not '}{word} "
            f"than {words(right)}.",
        )
    word = rng.choice(["even", "odd"])
    parity = "even" if left % 2 == 0 else "odd"
    other = "odd" if word == "even" else "even"
    text = rng.choice([f"is {words(left)} {word} or {other}", f"is {words(left)} an {word} number"])
    return Item(text, f"parity: {left} = {parity}", f"{capital(words(left))} is {parity}.")


def count(rng: random.Random) -> Item:
    if rng.random() < 0.3:
        start = rng.randint(2, 10)
        text = rng.choice(["count down from", "countdown from"]) + f" {words(start)}"
        spoken = ", ".join(words(n) for n in range(start, 0, -1))
        return Item(text, f"count({start} to 1)", capital(spoken) + ".")
    start = rng.randint(0, 20)
    stop = start + rng.randint(2, 8)
    lead = rng.choice(["count from", "please count from", "can you count from"])
    spoken = ", ".join(words(n) for n in range(start, stop + 1))
    text = f"{lead} {words(start)} to {words(stop)}"
    return Item(text, f"count({start} to {stop})", capital(spoken) + ".")


def day(rng: random.Random) -> Item:
    """Days are numbered from monday = 1; the thought adds and wraps by seven."""
    start = rng.randrange(7)
    shift = rng.choice([1, -1]) if rng.random() < 0.4 else rng.choice([1, -1]) * rng.randint(2, 6)
    side = "after" if shift > 0 else "before"
    if abs(shift) == 1:
        text = f"what day comes {side} {DAYS[start]}"
        answer = f"The day {side} {capital(DAYS[start])} is"
    else:
        text = f"what day is {words(abs(shift))} days {side} {DAYS[start]}"
        answer = f"{capital(words(abs(shift)))} days {side} {capital(DAYS[start])} is"
    steps, index = wrap_steps(start + 1, shift, 7, lowest=1)
    name = DAYS[index - 1]
    return Item(text, f"day: {DAYS[start]} is {steps}, {name}", f"{answer} {capital(name)}.")


def wrap_steps(start: int, shift: int, period: int, lowest: int) -> tuple[str, int]:
    """``5; 5 + 4 = 9; 9 - 7 = 2`` and the wrapped result."""
    sign = "+" if shift > 0 else "-"
    result = start + shift
    steps = f"{start}; {start} {sign} {abs(shift)} = {result}"
    if result < lowest:
        steps += f"; {result} + {period} = {result + period}"
        result += period
    elif result >= lowest + period:
        steps += f"; {result} - {period} = {result - period}"
        result -= period
    return steps, result


def month(rng: random.Random) -> Item:
    if rng.random() < 0.3:
        number = rng.randint(1, 12)
        name = MONTHS[number - 1]
        return Item(
            f"what is the {_ORDINALS[number - 1]} month of the year",
            f"month: {number} is {name}",
            f"The {_ORDINALS[number - 1]} month is {capital(name)}.",
        )
    start = rng.randrange(12)
    shift = rng.choice([1, -1])
    side = "after" if shift > 0 else "before"
    name = MONTHS[(start + shift) % 12]
    return Item(
        f"what month comes {side} {MONTHS[start]}",
        f"month: {MONTHS[start]} {'+' if shift > 0 else '-'} 1 = {name}",
        f"{capital(name)} comes {side} {capital(MONTHS[start])}.",
    )


def _half_day(hour: int) -> tuple[int, str]:
    """14 → (2, "pm")."""
    return (hour - 1) % 12 + 1, "am" if hour < 12 else "pm"


def clock_shift(rng: random.Random) -> Item:
    """Worked on the 24-hour clock, so that noon and midnight come out right."""
    start = rng.randrange(24)
    shift = rng.choice([1, 1, -1]) * rng.randint(1, 9)
    hour, half = _half_day(start)
    steps, result = wrap_steps(start, shift, 24, lowest=0)
    to_hour, to_half = _half_day(result)
    side = "after" if shift > 0 else "before"
    hours = f"{words(abs(shift))} hour" + ("" if abs(shift) == 1 else "s")
    spoken = f"{words(hour)} {' '.join(half)}"
    return Item(
        f"what time is it {hours} {side} {spoken}",
        f"time: {hour}{half} is {steps}; {result} is {to_hour}{to_half}",
        f"It is {words(to_hour)} {' '.join(to_half)}.",
    )


def digits(rng: random.Random) -> Item:
    length = rng.choice([1, 1, 2, 3, 4, 5])
    values = [rng.randint(0, 9) for _ in range(length)]
    spoken = " ".join(words(v) for v in values)
    return Item(spoken, f"digits({''.join(map(str, values))})", f"You said {spoken}.")
