"""Sums whose thought shows every step; each step is an equation that can be checked."""

from __future__ import annotations

import random

from aloud_nano.grammar.item import Item, capital
from aloud_nano.grammar.numbers import draw, said, words
from aloud_nano.grammar.skill import asking, please, question
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


def worked(rng: random.Random, left: int, operator: str, right: int) -> list[str]:
    """Equations that lead to the result: in one step, or in parts where that is easier."""
    result = apply(left, operator, right)
    plain = f"{left} {operator} {right} = {result}"
    if rng.random() < 0.4:
        return [plain]
    tens, ones = right // 10 * 10, right % 10
    if operator in "+-" and left > 10 and tens and ones:
        between = apply(left, operator, tens)
        return [f"{left} {operator} {tens} = {between}", f"{between} {operator} {ones} = {result}"]
    if operator == "*":
        large, small = max(left, right), min(left, right)
        tens, ones = large // 10 * 10, large % 10
        if tens and ones and small > 1:
            return [f"{tens} * {small} = {tens * small}", f"{ones} * {small} = {ones * small}",
                    f"{tens * small} + {ones * small} = {result}"]  # fmt: skip
    if operator == "/" and left and rng.random() < 0.5:
        return [f"{right} * {result} = {left}", plain]
    return [plain]


def evaluate(
    rng: random.Random, numbers: list[int], operators: list[str]
) -> tuple[int, list[str]] | None:
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
            steps += worked(rng, left, sign, right)
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
        found = evaluate(rng, numbers, operators)
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
    style = rng.random()
    if style < 0.35 and whole % 10 == 0 and share % 10 == 0 and share > 10:
        tenth = whole // 10
        steps = [f"10 % of {whole} = {tenth}", f"{share // 10} * {tenth} = {part}"]
    elif style < 0.5 and share in (25, 50):
        steps = [f"{share} % = 1 / {100 // share}", f"{whole} / {100 // share} = {part}"]
    else:
        steps = [f"{share} * {whole} = {share * whole}", f"{share * whole} / 100 = {part}"]
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
    steps.append(f"{whole} {sign} {part} = {result}")
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
    steps = worked(rng, number, operator, by)
    text = f"{name} {said(rng, number)}"
    expression = f"{by}*{number}" if name.endswith("times") else f"{number}{operator}{by}"
    if rng.random() < 0.45:
        sign = rng.choice("+-") if result > 1 else "+"
        more = rng.randint(1, min(60, result) if sign == "-" else 60)
        steps += worked(rng, result, sign, more)
        text += f" {'plus' if sign == '+' else 'minus'} {words(more)}"
        expression += f"{sign}{more}"
        result = apply(result, sign, more)
    text = question(
        rng, ["what is {t}", "what's {t}", "how much is {t}", "{t}", "calculate {t}"], t=text
    )
    return Item(text, call("calculate", expression=expression), the_answer(result),
                steps=tuple(steps))  # fmt: skip


_THINGS = (
    "apples oranges books pens coins cookies eggs balls cards stamps marbles tickets bananas "
    "flowers shells candies pencils toys stickers bottles"
).split()
_PEOPLE = ["anna", "tom", "john", "mary", "ben", "sarah", "mike", "emma", "peter", "lisa"]
_GAINS = ["buy", "find", "get", "pick up", "am given"]
_LOSSES = ["eat", "lose", "give away", "sell", "use", "drop"]
_THIRD = {"buy": "buys", "find": "finds", "get": "gets", "pick up": "picks up",
          "am given": "is given", "eat": "eats", "lose": "loses", "give away": "gives away",
          "sell": "sells", "use": "uses", "drop": "drops"}  # fmt: skip


def _changes_story(rng: random.Random) -> Item:
    """Having some, getting more, losing some."""
    who = rng.choice(["", "", *rng.sample(_PEOPLE, 2)])
    things = rng.choice(_THINGS)
    edible = things in ("apples", "oranges", "cookies", "eggs", "bananas", "candies")
    has = draw(rng, 2, 40, 0.15)
    count, steps, expression = has, [], str(has)
    text = f"{who} has {words(has)} {things}" if who else f"i have {words(has)} {things}"
    for turn in range(rng.choice([1, 2, 2])):
        loses = count > 2 and (rng.random() < 0.5 if turn == 0 else expression[-1] != "!")
        if loses and rng.random() < 0.75:
            by, sign = rng.randint(1, min(count - 1, 20)), "-"
            verb = rng.choice(_LOSSES if edible else _LOSSES[1:])
        else:
            by, sign, verb = rng.randint(1, 20), "+", rng.choice(_GAINS)
        verb = _THIRD[verb] if who else verb
        more = " more" if sign == "+" and rng.random() < 0.6 else ""
        text += f" {'and' if turn == 0 else 'then'} {verb} {words(by)}{more}"
        steps += worked(rng, count, sign, by)
        expression += f"{sign}{by}"
        count = apply(count, sign, by)
    left = rng.choice([" now", " left", "", " in the end"])
    text += f" how many {things} " if rng.random() < 0.4 else " how many "
    text += f"does {who} have{left}" if who else f"do i have{left}"
    noun = things[:-1] if count == 1 and things != "candies" else things
    noun = "candy" if count == 1 and things == "candies" else noun
    answer = f"{capital(who)} has" if who else "You have"
    return Item(text, call("calculate", expression=expression),
                f"{answer} {words(count)} {noun}.", steps=tuple(steps))  # fmt: skip


_GROUPS = [("boxes", "pens"), ("bags", "apples"), ("shelves", "books"), ("packs", "cards"),
           ("tables", "chairs"), ("rows", "seats"), ("teams", "players"), ("cars", "wheels"),
           ("trays", "eggs"), ("vases", "flowers"), ("rooms", "beds"), ("floors",
           "windows")]  # fmt: skip


def _groups_story(rng: random.Random) -> Item:
    """So many each, and sharing out."""
    each, groups = rng.randint(2, 12), rng.randint(2, 12)
    if rng.random() < 0.5:
        holder, things = rng.choice(_GROUPS)
        total = each * groups
        text = rng.choice(
            [f"there are {words(groups)} {holder} with {words(each)} {things} each",
             f"i have {words(groups)} {holder} with {words(each)} {things} in each",
             f"{words(groups)} {holder} have {words(each)} {things} each"]
        )  # fmt: skip
        steps, expression = worked(rng, groups, "*", each), f"{groups}*{each}"
        if rng.random() < 0.4 and total > 3:
            gone = rng.randint(1, min(20, total - 1))
            text += f" and {words(gone)} {'is' if gone == 1 else 'are'} gone"
            steps += worked(rng, total, "-", gone)
            expression += f"-{gone}"
            total -= gone
        text += f" how many {things} are there"
        verb, noun = ("is", things[:-1]) if total == 1 else ("are", things)
        answer = f"There {verb} {words(total)} {noun}."
        return Item(text, call("calculate", expression=expression), answer, steps=tuple(steps))
    things = rng.choice(_THINGS)
    total = each * groups
    friends = rng.choice(["friends", "children", "people", "kids"])
    text = rng.choice(
        [f"i share {words(total)} {things} among {words(groups)} {friends} how many does each get",
         f"{words(groups)} {friends} share {words(total)} {things} how many does each one get",
         f"if {words(groups)} {friends} share {words(total)} {things} how many does each get"]
    )  # fmt: skip
    steps = tuple(worked(rng, total, "/", groups))
    return Item(text, call("calculate", expression=f"{total}/{groups}"),
                f"Each gets {words(each)}.", steps=steps)  # fmt: skip


_GOODS = ["coffees", "tickets", "apples", "books", "sandwiches", "shirts", "pizzas", "pens",
          "cakes", "bottles", "lamps", "roses"]  # fmt: skip


def price(rng: random.Random) -> Item:
    """What several things cost, and the change."""
    goods, count, each = rng.choice(_GOODS), rng.randint(2, 9), rng.randint(2, 20)
    cost = count * each
    steps = worked(rng, count, "*", each)
    lead = rng.choice(
        [f"{words(count)} {goods} at {words(each)} dollars each",
         f"i buy {words(count)} {goods} for {words(each)} dollars each",
         f"{words(count)} {goods} cost {words(each)} dollars each"]
    )  # fmt: skip
    kind = rng.random()
    note = next((n for n in (10, 20, 50, 100, 200) if n > cost), None)
    if kind < 0.45 or note is None:
        text = f"{lead} how much {rng.choice(['is that', 'do i pay', 'is it all together'])}"
        return Item(text, call("calculate", expression=f"{count}*{each}"),
                    f"That is {words(cost)} dollars.", steps=tuple(steps))  # fmt: skip
    if kind < 0.75:
        text = f"{lead} and i pay with {words(note)} how much change do i get"
        steps += worked(rng, note, "-", cost)
        left = note - cost
        return Item(text, call("calculate", expression=f"{note}-{count}*{each}"),
                    f"You get {words(left)} dollar{'' if left == 1 else 's'} back.",
                    steps=tuple(steps))  # fmt: skip
    extra = rng.randint(1, 20)
    text = f"{lead} and a bag for {words(extra)} dollars how much is that"
    steps += worked(rng, cost, "+", extra)
    return Item(text, call("calculate", expression=f"{count}*{each}+{extra}"),
                f"That is {words(cost + extra)} dollars.", steps=tuple(steps))  # fmt: skip


def _speed_story(rng: random.Random) -> Item:
    """Distance, and ages."""
    if rng.random() < 0.5:
        speed, hours = rng.choice([5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]), rng.randint(2, 9)
        what = rng.choice(["car", "train", "bus", "bike", "ship"])
        text = (f"a {what} goes {words(speed)} miles an hour "
                f"how far does it go in {words(hours)} hours")  # fmt: skip
        return Item(text, call("calculate", expression=f"{speed}*{hours}"),
                    f"It goes {words(speed * hours)} miles.",
                    steps=tuple(worked(rng, speed, "*", hours)))  # fmt: skip
    age, gap = rng.randint(5, 60), rng.randint(2, 15)
    relative = rng.choice(["sister", "brother", "cousin", "friend"])
    older = rng.random() < 0.5 or age - gap < 2
    now, sign = (age + gap, "+") if older else (age - gap, "-")
    comparative = "older" if older else "younger"
    text = f"i am {words(age)} and my {relative} is {words(gap)} years {comparative}"
    steps, expression = worked(rng, age, sign, gap), f"{age}{sign}{gap}"
    if rng.random() < 0.5:
        later = rng.randint(2, 12)
        text += f" how old will my {relative} be in {words(later)} years"
        steps += worked(rng, now, "+", later)
        return Item(text, call("calculate", expression=f"{expression}+{later}"),
                    f"Your {relative} will be {words(now + later)}.",
                    steps=tuple(steps))  # fmt: skip
    return Item(f"{text} how old is my {relative}", call("calculate", expression=expression),
                f"Your {relative} is {words(now)}.", steps=tuple(steps))  # fmt: skip


def story(rng: random.Random) -> Item:
    """A sum told as something that happens."""
    return rng.choice([_changes_story, _changes_story, _groups_story, _speed_story])(rng)


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
        steps.append(f"{total} + {number} = {total + number}")
        total += number
    steps.append(f"{total} / {count} = {total // count}")
    text = question(
        rng,
        ["what is the average of {n}", "what's the average of {n}", "find the average of {n}",
         "average of {n}", "what is the mean of {n}"], n=_joined(numbers, "and"))  # fmt: skip
    made = call("average_numbers", numbers=" ".join(map(str, numbers)))
    return Item(text, made, the_answer(total // count), steps=tuple(steps))


def sequence(rng: random.Random) -> Item:
    """Equal distances or equal factors: the last two steps give the next."""
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
    steps = [f"{before} {sign} {size} = {last}", f"{last} {sign} {size} = {following}"]
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
