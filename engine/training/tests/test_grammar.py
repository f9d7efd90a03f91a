"""Answers are right, every step is right, and the held-out split stays apart."""

from __future__ import annotations

import random
import re

import pytest

from aloud_nano.grammar import INTENTS, Sampler, split_of
from aloud_nano.grammar.arithmetic import DAYS, clock_shift, convert, day, math
from aloud_nano.grammar.numbers import with_digits, words
from aloud_nano.grammar.sampler import COMPOSITIONAL, FIXED

STEP = re.compile(r"(-?\d+) ([-+*/]) (-?\d+) = (-?\d+)")
SENTENCES = ["the quick brown fox jumps over the lazy dog", "never say never again my friend"]


def compute(left: int, sign: str, right: int) -> float:
    return {"+": left + right, "-": left - right, "*": left * right}.get(sign) or (
        left / right if sign == "/" else 0
    )


@pytest.mark.parametrize("intent", [math, convert, day, clock_shift])
def test_every_written_step_is_true(intent) -> None:
    rng = random.Random(1)
    for _ in range(2000):
        item = intent(rng)
        for left, sign, right, result in STEP.findall(item.call):
            assert compute(int(left), sign, int(right)) == int(result), item.call


def test_sums_answer_the_question() -> None:
    rng = random.Random(2)
    spoken = {"plus": "+", "minus": "-", "times": "*", "divided by": "//"}
    for _ in range(2000):
        item = math(rng)
        expression = with_digits(re.sub(r"^(what is|what's|calculate|how much is) ", "", item.text))
        for word, sign in spoken.items():
            expression = expression.replace(word, sign)
        assert re.fullmatch(r"[\d +*/-]+", expression), expression
        first, *rest = re.split(r" (\+|-|\*|//) ", expression)
        value = int(first)
        for sign, number in zip(rest[::2], rest[1::2], strict=True):
            right = int(number)
            value = {"+": value + right, "-": value - right, "*": value * right}.get(
                sign, value // right if sign == "//" else 0
            )
        assert item.answer == f"The answer is {words(value)}."


def test_days_wrap_around() -> None:
    rng = random.Random(3)
    for _ in range(2000):
        item = day(rng)
        match = re.match(r"what day (?:comes|is (\w+) days) (after|before) (\w+)", item.text)
        assert match
        shift = {words(n): n for n in range(2, 7)}.get(match[1] or "", 1)
        shift = shift if match[2] == "after" else -shift
        expected = DAYS[(DAYS.index(match[3]) + shift) % 7]
        assert item.answer and item.answer.endswith(f"is {expected.capitalize()}.")


def test_clock_keeps_the_half_of_the_day() -> None:
    rng = random.Random(4)
    hours = {words(n): n for n in range(1, 13)}
    for _ in range(2000):
        item = clock_shift(rng)
        match = re.match(r"what time is it (\w+) hours? (after|before) (\w+) ([ap]) m", item.text)
        answer = re.match(r"It is (\w+) ([ap]) m\.", item.answer or "")
        assert match and answer
        start = hours[match[3]] % 12 + (12 if match[4] == "p" else 0)
        shift = hours[match[1]] if match[2] == "after" else -hours[match[1]]
        result = hours[answer[1]] % 12 + (12 if answer[2] == "p" else 0)
        assert result == (start + shift) % 24, item


def test_letters_are_numbered_to_the_end() -> None:
    rng = random.Random(5)
    for _ in range(200):
        item = INTENTS["letters"][0](rng)
        word = re.search(r"letters\((\w+)\)", item.call)
        assert word and item.call.endswith(f"{word[1][-1]}{len(word[1])}")


@pytest.mark.parametrize("split", ["train", "test"])
def test_samplers_never_cross_the_split(split) -> None:
    sampler, rng = Sampler(split, SENTENCES, ["word", "other"], 0.1), random.Random(6)
    for _ in range(3000):
        item = sampler.draw(rng)
        if item.intent in COMPOSITIONAL and item.text not in FIXED:
            assert split_of(item.text) == split


def test_texts_can_be_spoken_and_spelled() -> None:
    """Only what the transcript's alphabet holds."""
    sampler, rng = Sampler("train", SENTENCES, ["word"], 0.1), random.Random(7)
    for _ in range(3000):
        item = sampler.draw(rng)
        assert re.fullmatch(r"[a-z' ]+", item.text), item.text
        assert item.answer is None or item.answer[0].isupper()


def test_confusable_numbers_are_frequent() -> None:
    rng = random.Random(8)
    texts = [INTENTS["timer"][0](rng).text for _ in range(2000)]
    share = sum("fifteen" in t or "fifty" in t for t in texts) / len(texts)
    assert share > 0.05


def test_numbers_in_words_and_digits() -> None:
    assert words(115) == "one hundred fifteen"
    assert words(9000) == "nine thousand"
    assert with_digits("set a timer for twenty five minutes") == "set a timer for 25 minutes"
