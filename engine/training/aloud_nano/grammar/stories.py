"""Sums told as something that happens."""

from __future__ import annotations

import random

from aloud_nano.grammar.arithmetic import apply, worked
from aloud_nano.grammar.item import Item, capital
from aloud_nano.grammar.numbers import draw, words
from aloud_nano.grammar.tools import call

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
        steps += worked(count, sign, by)
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
        steps, expression = worked(groups, "*", each), f"{groups}*{each}"
        if rng.random() < 0.4 and total > 3:
            gone = rng.randint(1, min(20, total - 1))
            text += f" and {words(gone)} {'is' if gone == 1 else 'are'} gone"
            steps += worked(total, "-", gone)
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
    steps = tuple(worked(total, "/", groups))
    return Item(text, call("calculate", expression=f"{total}/{groups}"),
                f"Each gets {words(each)}.", steps=steps)  # fmt: skip


_GOODS = ["coffees", "tickets", "apples", "books", "sandwiches", "shirts", "pizzas", "pens",
          "cakes", "bottles", "lamps", "roses"]  # fmt: skip


def price(rng: random.Random) -> Item:
    """What several things cost, and the change."""
    goods, count, each = rng.choice(_GOODS), rng.randint(2, 9), rng.randint(2, 20)
    cost = count * each
    steps = worked(count, "*", each)
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
        steps += worked(note, "-", cost)
        left = note - cost
        return Item(text, call("calculate", expression=f"{note}-{count}*{each}"),
                    f"You get {words(left)} dollar{'' if left == 1 else 's'} back.",
                    steps=tuple(steps))  # fmt: skip
    extra = rng.randint(1, 20)
    text = f"{lead} and a bag for {words(extra)} dollars how much is that"
    steps += worked(cost, "+", extra)
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
                    steps=tuple(worked(speed, "*", hours)))  # fmt: skip
    age, gap = rng.randint(5, 60), rng.randint(2, 15)
    relative = rng.choice(["sister", "brother", "cousin", "friend"])
    older = rng.random() < 0.5 or age - gap < 2
    now, sign = (age + gap, "+") if older else (age - gap, "-")
    comparative = "older" if older else "younger"
    text = f"i am {words(age)} and my {relative} is {words(gap)} years {comparative}"
    steps, expression = worked(age, sign, gap), f"{age}{sign}{gap}"
    if rng.random() < 0.5:
        later = rng.randint(2, 12)
        text += f" how old will my {relative} be in {words(later)} years"
        steps += worked(now, "+", later)
        return Item(text, call("calculate", expression=f"{expression}+{later}"),
                    f"Your {relative} will be {words(now + later)}.",
                    steps=tuple(steps))  # fmt: skip
    return Item(f"{text} how old is my {relative}", call("calculate", expression=expression),
                f"Your {relative} is {words(now)}.", steps=tuple(steps))  # fmt: skip


def story(rng: random.Random) -> Item:
    """A sum told as something that happens."""
    return rng.choice([_changes_story, _changes_story, _groups_story, _speed_story])(rng)
