"""Sums whose thought shows every step; each step is an equation that can be checked."""

from __future__ import annotations

import random

from aloud_nano.grammar.item import Item
from aloud_nano.grammar.numbers import draw, said, words
from aloud_nano.grammar.skill import question
from aloud_nano.grammar.tools import call

_SPOKEN = {
    "+": ("plus", "plus", "plus", "and"), "-": ("minus", "minus", "minus", "take away"),
    "*": ("times", "times", "times", "multiplied by"), "/": ("divided by", "divided by", "over"),
}  # fmt: skip
_LEADS = (
    "what is", "what is", "what's", "what's", "calculate", "how much is", "work out", "what does",
    "can you calculate", "please calculate", "tell me", "hey what is", "um what is", "compute",
    "can you tell me what", "", "",
)  # fmt: skip


def apply(left: int, operator: str, right: int) -> int:
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    return left // right


def parts_of(value: int) -> list[int]:
    """372 → [300, 70, 2]: what a number is made of, without zeros."""
    text = str(value)
    parts = [int(digit) * 10 ** (len(text) - at - 1) for at, digit in enumerate(text)]
    return [part for part in parts if part]


def _add_up(values: list[int]) -> list[str]:
    total, steps = values[0], []
    for value in values[1:]:
        steps.append(f"{total} + {value} = {total + value}")
        total += value
    return steps


def worked(left: int, operator: str, right: int) -> list[str]:
    """Equations that lead to the result, each small enough to be known by heart.

    One number is taken apart by its digits. There is one way to do it, so that no step is ever a
    guess: a sum that is done at once by chance is done wrong more often.
    """
    result = apply(left, operator, right)
    plain = [f"{left} {operator} {right} = {result}"]
    if operator in "+-":
        parts = parts_of(right)
        if left <= 10 or len(parts) < 2:
            return plain
        steps, now = [], left
        for part in parts:
            steps.append(f"{now} {operator} {part} = {apply(now, operator, part)}")
            now = apply(now, operator, part)
        return steps
    if operator == "*":
        large, small = max(left, right), min(left, right)
        parts = parts_of(large)
        if len(parts) < 2 or small < 2 or large <= 12:
            return plain
        steps = [f"{part} * {small} = {part * small}" for part in parts]
        return steps + _add_up([part * small for part in parts])
    parts = parts_of(result)
    if len(parts) < 2 or result <= 12:
        return plain
    return [f"{part * right} / {right} = {part}" for part in parts] + _add_up(parts)


def evaluate(numbers: list[int], operators: list[str]) -> tuple[int, list[str]] | None:
    """By precedence; None where a step is negative, has a remainder, or is too large."""
    values, signs, steps = list(numbers), list(operators), []
    for group in ("*/", "+-"):
        at = 0
        while at < len(signs):
            if signs[at] not in group:
                at += 1
                continue
            left, sign, right = values[at], signs[at], values[at + 1]
            if sign == "/" and (right == 0 or left % right):
                return None
            result = apply(left, sign, right)
            if not 0 <= result < 10_000:
                return None
            steps += worked(left, sign, right)
            values[at : at + 2] = [result]
            del signs[at]
    return values[0], steps


def _pair(rng: random.Random) -> tuple[int, str, int]:
    operator = rng.choice("++--**/")
    if operator == "+":
        return draw(rng, 0, 99), "+", draw(rng, 0, 99)
    if operator == "-":
        small, large = sorted((draw(rng, 0, 99), draw(rng, 0, 99)))
        return large, "-", small
    if operator == "*":
        return draw(rng, 0, 25 if rng.random() < 0.3 else 12, 0.1), "*", rng.randint(0, 12)
    divisor = rng.randint(1, 12)
    return divisor * rng.randint(0, 12), "/", divisor


def _spoken_sum(rng: random.Random, numbers: list[int], operators: list[str]) -> str:
    text = said(rng, numbers[0])
    for sign, number in zip(operators, numbers[1:], strict=True):
        text += f" {rng.choice(_SPOKEN[sign])} {said(rng, number)}"
    lead = rng.choice(_LEADS)
    tail = {"what does": " make", "can you tell me what": " is"}.get(lead, "")
    if not lead and rng.random() < 0.4:
        tail = rng.choice([" is what", " equals what", " makes what", " is"])
    return f"{lead} {text}{tail}".strip()


def the_answer(value: int) -> str:
    return f"The answer is {words(value)}."


def math(rng: random.Random) -> Item:
    """Two to four operands: ``3 + 4 = 7``, ``7 - 2 = 5``, ``calculate(expression=3+4-2)``."""
    wanted = rng.choices([2, 3, 4], [45, 37, 18])[0]
    while True:
        left, operator, right = _pair(rng)
        numbers, operators = [left, right], [operator]
        for _ in range(wanted - 2):
            sign = rng.choice("++--*")
            operators.append(sign)
            numbers.append(rng.randint(2, 9) if sign == "*" else draw(rng, 0, 50))
        found = evaluate(numbers, operators)
        if found is None:
            continue
        value, steps = found
        expression = str(numbers[0]) + "".join(
            f"{sign}{number}" for sign, number in zip(operators, numbers[1:], strict=True)
        )
        text = _spoken_sum(rng, numbers, operators)
        made = call("calculate", expression=expression)
        return Item(text, made, the_answer(value), steps=tuple(steps))


def percent(rng: random.Random) -> Item:
    """Percent of, off, and on top of: 3 routes to the same number."""
    while True:
        share = rng.choice([5, 10, 10, 15, 20, 20, 25, 30, 40, 50, 50, 60, 70, 75, 80, 90, 13, 18])
        whole = rng.choice([rng.randint(1, 40) * 10, rng.randint(1, 100) * 2, draw(rng, 10, 400)])
        if share * whole % 100 == 0:
            break
    part = share * whole // 100
    if whole % 10 == 0 and share % 10 == 0:
        tenth = whole // 10
        steps = [f"10 % of {whole} = {tenth}"]
        steps += worked(share // 10, "*", tenth) if share > 10 else []
    elif share in (25, 50):
        parts = 100 // share
        steps = [f"{share} % = 1 / {parts}", *worked(whole, "/", parts)]
    else:
        steps = [*worked(share, "*", whole), f"{share * whole} / 100 = {part}"]
    spoken = f"{words(share)} percent"
    number = said(rng, whole)
    kind = rng.random()
    expression = f"{share}%*{whole}"
    if kind < 0.6:
        text = question(rng, ["what is {s} of {n}", "what's {s} of {n}", "how much is {s} of {n}",
                              "{s} of {n}", "calculate {s} of {n}"], s=spoken,
                              n=number)  # fmt: skip
        return Item(text, call("calculate", expression=expression), the_answer(part),
                    steps=tuple(steps))  # fmt: skip
    if kind < 0.8:
        result, sign = whole - part, "-"
        text = question(
            rng,
            ["what is {n} minus {s}", "what is {s} off {n}", "how much is {n} with {s} off",
             "take {s} off {n}", "what do i pay for {n} dollars with {s} off"],
            s=spoken, n=number)  # fmt: skip
    else:
        result, sign = whole + part, "+"
        text = question(
            rng,
            ["what is {n} plus {s}", "add {s} to {n}", "what is {n} with a {s} tip",
             "how much is {n} dollars plus {s} tip"],
            s=spoken, n=number)  # fmt: skip
    steps += worked(whole, sign, part)
    made = call("calculate", expression=f"{whole}{sign}{expression}")
    return Item(text, made, the_answer(result), steps=tuple(steps))


# word, operator, number
_MULTIPLES = [("half of", "/", 2), ("half of", "/", 2), ("twice", "*", 2), ("double", "*", 2),
              ("three times", "*", 3), ("triple", "*", 3), ("a third of", "/", 3),
              ("a quarter of", "/", 4), ("a tenth of", "/", 10), ("ten times", "*",
              10)]  # fmt: skip


def doubles(rng: random.Random) -> Item:
    """Halves, doubles and the like, sometimes followed by one more operation."""
    name, operator, by = rng.choice(_MULTIPLES)
    number = draw(rng, 1, 99)
    number = number * by if operator == "/" else number
    result = apply(number, operator, by)
    steps = worked(number, operator, by)
    text = f"{name} {said(rng, number)}"
    expression = f"{by}*{number}" if name.endswith("times") else f"{number}{operator}{by}"
    if rng.random() < 0.45:
        sign = rng.choice("+-") if result > 1 else "+"
        more = rng.randint(1, min(60, result) if sign == "-" else 60)
        steps += worked(result, sign, more)
        text += f" {'plus' if sign == '+' else 'minus'} {words(more)}"
        expression += f"{sign}{more}"
        result = apply(result, sign, more)
    text = question(
        rng, ["what is {t}", "what's {t}", "how much is {t}", "{t}", "calculate {t}"], t=text
    )
    return Item(text, call("calculate", expression=expression), the_answer(result),
                steps=tuple(steps))  # fmt: skip
