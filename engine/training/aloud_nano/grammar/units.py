"""Conversions: one step, two steps, and temperature."""

from __future__ import annotations

import random

from aloud_nano.grammar.arithmetic import worked
from aloud_nano.grammar.item import Item, capital
from aloud_nano.grammar.numbers import draw, said, words
from aloud_nano.grammar.skill import asking, question
from aloud_nano.grammar.tools import call

# large unit, small unit, how many small ones are in a large one
UNITS = [
    ("hour", "minute", 60), ("minute", "second", 60), ("day", "hour", 24), ("week", "day", 7),
    ("foot", "inch", 12), ("kilometer", "meter", 1000), ("meter", "centimeter", 100),
    ("kilogram", "gram", 1000), ("yard", "foot", 3), ("centimeter", "millimeter", 10),
    ("dollar", "cent", 100), ("year", "month", 12), ("liter", "milliliter", 1000),
    ("dozen", "piece", 12), ("pound", "ounce", 16), ("gallon", "quart", 4), ("quart", "pint", 2),
    ("dollar", "quarter", 4), ("decade", "year", 10), ("century", "year", 100),
    ("cup", "tablespoon", 16), ("tablespoon", "teaspoon", 3), ("ton", "kilogram", 1000),
    ("dollar", "dime", 10), ("pint", "cup", 2), ("gallon", "pint", 8),
]  # fmt: skip
# Two conversions, one after the other.
CHAINS = [
    ("hour", "minute", 60, "second", 60), ("day", "hour", 24, "minute", 60),
    ("week", "day", 7, "hour", 24), ("yard", "foot", 3, "inch", 12),
    ("kilometer", "meter", 1000, "centimeter", 100), ("meter", "centimeter", 100, "millimeter", 10),
    ("gallon", "quart", 4, "pint", 2), ("decade", "year", 10, "month", 12),
    ("quart", "pint", 2, "cup", 2), ("cup", "tablespoon", 16, "teaspoon", 3),
    ("century", "decade", 10, "year", 10), ("gallon", "pint", 8, "cup", 2),
]  # fmt: skip
_PLURALS = {"foot": "feet", "inch": "inches", "dozen": "dozen", "century": "centuries"}


def unit(number: int, name: str) -> str:
    return name if number == 1 else _PLURALS.get(name, name + "s")


def _ask(rng: random.Random, spoken: str, to: str) -> str:
    return question(
        rng, ["how many {t} are in {s}", "how many {t} are there in {s}", "convert {s} to {t}",
              "what is {s} in {t}", "what's {s} in {t}", "how many {t} is {s}",
              "how much is {s} in {t}", "{s} in {t}", "{s} is how many {t}", "{s} to {t}",
              "how many {t} make {s}"], s=spoken, t=unit(2, to))  # fmt: skip


def _item(text: str, count: int, name: str, to: str, result: int, steps: list[str]) -> Item:
    verb = "is" if count == 1 else "are"
    answer = (
        f"{capital(words(count))} {unit(count, name)} {verb} {words(result)} {unit(result, to)}."
    )
    made = call("convert_unit", value=f"{count} {name}", to=to)
    return Item(text, made, answer, steps=tuple(steps))


def convert(rng: random.Random) -> Item:
    """Large to small multiplies, small to large divides."""
    large, small, factor = rng.choice(UNITS)
    count = draw(rng, 1, 20, 0.15) if factor < 1000 else rng.randint(1, 9)
    total = count * factor
    fact = [f"1 {large} = {factor} {small}"]
    if rng.random() < 0.65:
        spoken = f"{words(count)} {unit(count, large)}"
        if count == 1 and rng.random() < 0.5:
            spoken = f"{'an' if large == 'hour' else 'a'} {large}"
        steps = [*fact, *worked(count, "*", factor)]
        return _item(_ask(rng, spoken, small), count, large, small, total, steps)
    steps = [*fact, *worked(total, "/", factor)]
    spoken = f"{said(rng, total)} {unit(total, small)}"
    return _item(_ask(rng, spoken, large), total, small, large, count, steps)


def convert_two(rng: random.Random) -> Item:
    """Through a unit between, or two units added up."""
    if rng.random() < 0.5:
        large, _, first, small, second = rng.choice(CHAINS)
        count = rng.randint(1, 9 if first * second <= 1000 else 2)
        between, total = count * first, count * first * second
        if total < 10_000:
            steps = [*worked(count, "*", first), *worked(between, "*", second)]
            spoken = f"{words(count)} {unit(count, large)}"
            return _item(_ask(rng, spoken, small), count, large, small, total, steps)
    large, small, factor = rng.choice([u for u in UNITS if u[2] > 2 and u[1] != "piece"])
    count = rng.randint(1, 9)
    more = rng.randint(1, factor - 1) if factor < 100 else rng.randint(1, 9) * factor // 10
    total = count * factor + more
    steps = [*worked(count, "*", factor), *worked(count * factor, "+", more)]
    spoken = f"{words(count)} {unit(count, large)} and {words(more)} {unit(more, small)}"
    answer = f"That is {words(total)} {unit(total, small)}."
    made = call("convert_unit", value=f"{count} {large} {more} {small}", to=small)
    return Item(_ask(rng, spoken, small), made, answer, steps=tuple(steps))


def temperature(rng: random.Random) -> Item:
    """Whole results only: multiples of five Celsius."""
    celsius = rng.randrange(-20, 105, 5)
    fahrenheit = celsius * 9 // 5 + 32
    if rng.random() < 0.6:
        spoken, to, value = f"{words(celsius)} degrees celsius", "fahrenheit", f"{celsius} celsius"
        fifth = celsius // 5
        steps = [f"{celsius} / 5 = {fifth}"]
        steps += worked(fifth, "*", 9) if fifth > 0 else [f"{fifth} * 9 = {fifth * 9}"]
        steps += worked(fifth * 9, "+", 32)
        answer = f"{capital(words(celsius))} Celsius is {words(fahrenheit)} Fahrenheit."
    else:
        spoken, to = f"{words(fahrenheit)} degrees fahrenheit", "celsius"
        value = f"{fahrenheit} fahrenheit"
        less = fahrenheit - 32
        ninth = less // 9
        steps = [*worked(fahrenheit, "-", 32), f"{less} / 9 = {ninth}"]
        steps += worked(ninth, "*", 5) if ninth > 0 else [f"{ninth} * 5 = {celsius}"]
        answer = f"{capital(words(fahrenheit))} Fahrenheit is {words(celsius)} Celsius."
    spoken = spoken if rng.random() < 0.6 else spoken.replace("degrees ", "")
    text = asking(rng, rng.choice(["what is {s} in {t}", "convert {s} to {t}",
    "how much is {s} in {t}",
                                   "{s} in {t}", "what's {s} in {t}", "{s} to {t}"])
                  .format(s=spoken, t=to))  # fmt: skip
    return Item(text, call("convert_unit", value=value, to=to), answer, steps=tuple(steps))
