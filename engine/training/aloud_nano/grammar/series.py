"""Several numbers: comparing, sorting, averages, sequences, counting, digits."""

from __future__ import annotations

import random

from aloud_nano.grammar.arithmetic import the_answer, worked
from aloud_nano.grammar.item import Item, capital
from aloud_nano.grammar.numbers import draw, said, words
from aloud_nano.grammar.skill import asking, please, question
from aloud_nano.grammar.tools import call


def compare(rng: random.Random) -> Item:
    """Two numbers; now and then one of them is a product that must be worked out first."""
    left, right = draw(rng, 0, 99), draw(rng, 0, 99)
    while right == left:
        right = draw(rng, 0, 99)
    if rng.random() < 0.3:
        return _compare_product(rng)
    if rng.random() < 0.5:
        word = rng.choice(["bigger", "smaller", "larger", "less", "more", "greater"])
        up = word in ("bigger", "larger", "more", "greater")
        result = max(left, right) if up else min(left, right)
        text = question(rng, ["which is {w} {a} or {b}", "what is {w} {a} or {b}",
                              "which number is {w} {a} or {b}", "is {a} or {b} {w}"],
                        w=word, a=words(left), b=words(right))  # fmt: skip
        made = call("compare_numbers", numbers=f"{left} {right}",
                    order="largest" if up else "smallest")  # fmt: skip
        step = f"{max(left, right)} > {min(left, right)}"
        return Item(text, made, f"{capital(words(result))} is {word}.", steps=(step,))
    word, up = rng.choice([("greater", True), ("less", False), ("more", True), ("bigger", True),
                           ("smaller", False)])  # fmt: skip
    true = left > right if up else left < right
    text = asking(rng, f"is {words(left)} {word} than {words(right)}")
    made = call("check_number", number=left, is_="more" if up else "less", than=right)
    step = f"{left} {'>' if left > right else '<'} {right}"
    verdict = "Yes, {} is {}" if true else "No, {} is not {}"
    answer = verdict.format(words(left), word) + f" than {words(right)}."
    return Item(text, made, answer, steps=(step,))


def _compare_product(rng: random.Random) -> Item:
    while True:
        a, b = rng.randint(2, 12), rng.randint(2, 12)
        right = max(1, a * b + rng.randint(-9, 9))
        if right != a * b:
            break
    more = a * b > right
    text = question(
        rng, ["which is more {a} times {b} or {c}", "what is bigger {a} times {b} or {c}",
              "is {a} times {b} more than {c}"], a=words(a), b=words(b),
              c=words(right))  # fmt: skip
    steps = (f"{a} * {b} = {a * b}", f"{a * b} {'>' if more else '<'} {right}")
    spoken = f"{words(a)} times {words(b)}"
    if text.endswith(f"more than {words(right)}"):
        answer = f"{'Yes' if more else 'No'}, {spoken} is {words(a * b)}."
    else:
        answer = f"{capital(spoken if more else words(right))} is more."
        answer = answer.replace("more", "bigger") if "bigger" in text else answer
    made = call("compare_numbers", numbers=f"{a}*{b} {right}", order="largest")
    return Item(text, made, answer, steps=steps)


def parity(rng: random.Random) -> Item:
    number = draw(rng, 0, 199, 0.3)
    word = rng.choice(["even", "odd"])
    found = "even" if number % 2 == 0 else "odd"
    rest = "odd" if word == "even" else "even"
    text = question(rng, ["is {n} {w} or {o}", "is {n} an {w} number", "is {n} {w}"],
                    n=said(rng, number), w=word, o=rest)  # fmt: skip
    steps = (f"{number} mod 2 = {number % 2}",)
    if number > 9:
        steps = (f"{number} ends in {number % 10}", f"{number % 10} is {found}")
    made = call("check_number", number=number, is_=word)
    return Item(text, made, f"{capital(words(number))} is {found}.", steps=steps)


def _distinct(rng: random.Random, count: int, high: int = 99) -> list[int]:
    numbers: list[int] = []
    while len(numbers) < count:
        number = draw(rng, 0, high)
        if number not in numbers:
            numbers.append(number)
    return numbers


def _joined(values: list[int], word: str) -> str:
    spoken = [words(value) for value in values]
    return f"{' '.join(spoken[:-1])} {word} {spoken[-1]}"


def largest(rng: random.Random) -> Item:
    """Of three to five: each is compared with the best so far."""
    numbers = _distinct(rng, rng.choice([3, 3, 3, 4, 5]))
    word = rng.choice(["largest", "biggest", "smallest", "highest", "lowest"])
    up = word in ("largest", "biggest", "highest")
    best, steps = numbers[0], []
    for number in numbers[1:]:
        steps.append(f"{best} {'>' if best > number else '<'} {number}")
        best = max(best, number) if up else min(best, number)
    text = question(
        rng, ["which is the {w} {n}", "what is the {w} of {a}", "which number is the {w} {n}",
              "what's the {w} number {n}", "find the {w} of {a}"],
        w=word, n=_joined(numbers, "or"), a=_joined(numbers, "and"))  # fmt: skip
    made = call("compare_numbers", numbers=" ".join(map(str, numbers)),
                order="largest" if up else "smallest")  # fmt: skip
    return Item(text, made, f"{capital(words(best))} is the {word}.", steps=tuple(steps))


def sort(rng: random.Random) -> Item:
    """By taking the smallest (or largest) of what is left."""
    numbers = _distinct(rng, rng.choice([3, 3, 4, 5]), rng.choice([20, 99]))
    up = rng.random() < 0.65
    how = rng.choice(["", " from small to large", " from smallest to largest"] if up else
                     [" from large to small", " from largest to smallest",
                     " backwards"])  # fmt: skip
    ordered = sorted(numbers, reverse=not up)
    left, steps = list(numbers), []
    for number in ordered[:-1]:
        steps.append(f"{'smallest' if up else 'largest'} of {' '.join(map(str, left))} = {number}")
        left.remove(number)
    verb = rng.choice(["sort", "sort the numbers", "put in order", "order", "arrange"])
    text = please(rng, f"{verb} {_joined(numbers, 'and')}{how}")
    made = call("sort_numbers", numbers=" ".join(map(str, numbers)), order="up" if up else "down")
    return Item(text, made, capital(", ".join(map(words, ordered))) + ".", steps=tuple(steps))


def average(rng: random.Random) -> Item:
    count = rng.choice([2, 3, 3, 4])
    while True:
        numbers = [rng.randint(0, 30) for _ in range(count)]
        if sum(numbers) % count == 0:
            break
    total, steps = numbers[0], []
    for number in numbers[1:]:
        steps += worked(total, "+", number)
        total += number
    steps += worked(total, "/", count)
    text = question(
        rng,
        ["what is the average of {n}", "what's the average of {n}", "find the average of {n}",
         "average of {n}", "what is the mean of {n}"], n=_joined(numbers, "and"))  # fmt: skip
    made = call("average_numbers", numbers=" ".join(map(str, numbers)))
    return Item(text, made, the_answer(total // count), steps=tuple(steps))


def sequence(rng: random.Random) -> Item:
    """Equal distances or equal factors: what leads to the last number leads on to the next."""
    if rng.random() < 0.7:
        by = rng.choice([1, 2, 3, 4, 5, 6, 7, 10, 11, -1, -2, -3, -5])
        start = rng.randint(0, 40) if by > 0 else rng.randint(30, 70)
        numbers = [start + by * i for i in range(rng.choice([3, 4]))]
        following = numbers[-1] + by
        sign, size = ("+", by) if by > 0 else ("-", -by)
    else:
        factor, start = rng.choice([2, 2, 3, 10]), rng.randint(1, 6)
        numbers = [start * factor**i for i in range(3)]
        following, sign, size = numbers[-1] * factor, "*", factor
    before, last = numbers[-2:]
    apart = {
        "+": f"{last} - {before} = {size}",
        "-": f"{before} - {last} = {size}",
        "*": f"{last} / {before} = {size}",
    }
    steps = [apart[sign], f"{last} {sign} {size} = {following}"]
    text = question(rng, ["what comes next {n}", "continue the series {n}", "{n} what comes next",
                          "what is the next number {n}", "what number comes after {n}"],
                    n=" ".join(map(words, numbers)))  # fmt: skip
    made = call("next_in_sequence", numbers=" ".join(map(str, numbers)))
    return Item(text, made, f"{capital(words(following))} comes next.", steps=tuple(steps))


def count(rng: random.Random) -> Item:
    """Up, down, and by twos, fives or tens."""
    kind = rng.random()
    if kind < 0.35:
        start, step = rng.randint(2, 12), -1
        end = 1 if rng.random() < 0.6 else rng.choice([0, 1])
        text = rng.choice(["count down from {a}", "countdown from {a}", "count backwards from {a}",
                           "count down from {a} to {b}",
                           "count backwards from {a} to {b}"])  # fmt: skip
        if "{b}" not in text:
            end = 1
    elif kind < 0.65:
        start, step = rng.randint(0, 60), 1
        end = start + rng.randint(2, 9)
        text = rng.choice(["count from {a} to {b}", "count up from {a} to {b}",
                           "say the numbers from {a} to {b}"])  # fmt: skip
        if rng.random() < 0.15:
            start, end = 1, rng.randint(2, 12)
            text = "count to {b}"
    else:
        step = rng.choice([2, 2, 3, 5, 10])
        start = rng.choice([0, step, rng.randint(0, 10)])
        end = start + step * rng.randint(2, 6)
        by = {2: "twos", 3: "threes", 5: "fives", 10: "tens"}[step]
        text = rng.choice([f"count by {by} from {{a}} to {{b}}",
        f"count from {{a}} to {{b}} by {by}",
                           f"count in {by} from {{a}} to {{b}}"])  # fmt: skip
    numbers = range(start, end + (1 if step > 0 else -1), step)
    text = please(rng, text.format(a=words(start), b=words(end)))
    made = call("count_numbers", start=start, end=end, step=None if abs(step) == 1 else step)
    return Item(text, made, capital(", ".join(map(words, numbers))) + ".")


def digits(rng: random.Random) -> Item:
    length = rng.choice([1, 1, 2, 3, 4, 5, 6, 7])
    values = [rng.randint(0, 9) for _ in range(length)]
    spoken = " ".join(words(v) for v in values)
    made = call("say_digits", digits="".join(map(str, values)))
    return Item(spoken, made, f"You said {spoken}.")
