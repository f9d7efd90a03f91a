"""Orders: coffee with the slots of the recorded ones, and food."""

from __future__ import annotations

import random

from aloud_nano.grammar.item import article
from aloud_nano.grammar.numbers import words
from aloud_nano.grammar.skill import Act, Skill, Slots
from aloud_nano.grammar.slots import MAKE_IT, other
from aloud_nano.grammar.tools import call

_SIZES = [
    "small", "medium", "large", "eight ounce", "twelve ounce", "sixteen ounce", "twenty ounce",
]  # fmt: skip
_ROASTS = ["light roast", "medium roast", "dark roast"]
_SHOTS = ["single shot", "double shot", "triple shot"]
_DRINKS = [
    "americano", "cappuccino", "espresso", "iced mocha", "latte", "mocha", "coffee", "drip coffee",
    "house coffee", "iced coffee",
]  # fmt: skip
_AMOUNTS = ["", "", "", "a little bit of ", "a bit of ", "some ", "a lot of ", "lots of "]
_MILKS = ["milk", "skim milk", "whole milk", "soy milk", "almond milk", "cream"]
_SUGARS = ["sugar", "brown sugar", "sweetener"]
_ORDER_LEADS = [
    "brew", "can i get", "can i have", "i want", "get me", "give me", "i'd like", "make me",
    "may i have", "please make me", "could i get", "could i have", "i would like", "i'll have",
    "i'll take", "let me get", "hi can i have", "um can i get", "order", "please give me",
]  # fmt: skip


def order(
    drink: str, size: str = "", roast: str = "", shots: str = "", milk: str = "", sugar: str = ""
) -> tuple[str, str]:
    """Call and answer of an order (also used for the real recordings, which come with slots)."""
    made = call("order_coffee", drink=drink, size=size, roast=roast, shots=shots, milk=milk,
                sugar=sugar)  # fmt: skip
    body = " ".join(s for s in (size, roast, shots, drink) if s)
    extras = " and ".join(s for s in (milk, sugar) if s)
    return made, f"One {body}{f' with {extras}' if extras else ''}, coming up."


def _draw_coffee(rng: random.Random) -> Slots:
    return {
        "size": rng.choice(_SIZES) if rng.random() < 0.5 else "",
        "roast": rng.choice(_ROASTS) if rng.random() < 0.5 else "",
        "shots": rng.choice(_SHOTS) if rng.random() < 0.5 else "",
        "drink": rng.choice(_DRINKS),
        "milk": rng.choice(_AMOUNTS) + rng.choice(_MILKS) if rng.random() < 0.45 else "",
        "sugar": rng.choice(_AMOUNTS) + rng.choice(_SUGARS) if rng.random() < 0.5 else "",
    }


def _say_coffee(rng: random.Random, slots: Slots) -> str:
    parts = [p for p in (slots["size"], slots["roast"], slots["shots"]) if p]
    rng.shuffle(parts)
    spoken = " ".join([*parts, slots["drink"]])
    determiner = rng.choice([f"{article(spoken)} ", f"{article(spoken)} ", "a ", ""])
    extras = [e for e in (slots["milk"], slots["sugar"]) if e]
    rng.shuffle(extras)
    text = f"{rng.choice(_ORDER_LEADS)} {determiner}{spoken}"
    if extras:
        text += " with " + " and ".join(extras)
    return text + (" please" if rng.random() < 0.08 else "")


def _coffee(slots: Slots) -> Act:
    return (*order(**slots), ())


def _change_coffee(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    """Another size or drink, or milk and sugar added."""
    kind = rng.random()
    if kind < 0.4:
        size = other(rng, _SIZES, slots["size"])
        return rng.choice(MAKE_IT).format(size), {**slots, "size": size}
    if kind < 0.6:
        drink = other(rng, _DRINKS, slots["drink"])
        return rng.choice(MAKE_IT).format(f"{article(drink)} {drink}"), {**slots, "drink": drink}
    slot, options = rng.choice([("milk", _MILKS), ("sugar", _SUGARS)])
    extra = rng.choice(_AMOUNTS) + rng.choice(options)
    text = rng.choice(["and {}", "with {} please", "add {}", "with {}", "and add {} please"])
    if slots[slot]:
        text = rng.choice(["no with {}", "make it with {}", "i meant with {}"])
    return text.format(extra), {**slots, slot: extra}


coffee = Skill(_draw_coffee, _say_coffee, _coffee, (_change_coffee,))

# dish, its plural, toppings
_FOODS = [
    ("pizza", "pizzas", ["cheese", "ham", "mushrooms", "olives", "onions", "salami", "peppers"]),
    ("burger", "burgers", ["cheese", "bacon", "onions", "extra sauce", "pickles"]),
    ("salad", "salads", ["tuna", "chicken", "eggs", "no onions"]),
    ("sandwich", "sandwiches", ["cheese", "ham", "tuna", "egg"]),
    ("soup", "soups", ["bread", "rice"]),
    ("taco", "tacos", ["beef", "chicken", "beans"]),
    ("hot dog", "hot dogs", ["mustard", "ketchup", "onions"]),
    ("pasta", "pastas", ["cheese", "tomato sauce", "mushrooms"]),
    ("ice cream", "ice creams", ["chocolate", "cherries", "cream"]),
]  # fmt: skip
_PLURAL = {name: plural for name, plural, _ in _FOODS}
_TOPPINGS = {name: toppings for name, _, toppings in _FOODS}
_FOOD_SIZES = ["small", "medium", "large"]


def _draw_food(rng: random.Random) -> Slots:
    name = rng.choice(list(_PLURAL))
    chosen = rng.sample(_TOPPINGS[name], rng.choice([0, 1, 1, 2]) if name != "soup" else 1)
    return {"food": name, "quantity": rng.choice([1, 1, 1, 2, 2, 3, 4, 5, 6, 10]),
            "size": rng.choice(["", *_FOOD_SIZES]), "topping": " and ".join(chosen)}  # fmt: skip


def _food_words(slots: Slots) -> str:
    count = slots["quantity"]
    noun = slots["food"] if count == 1 else _PLURAL[slots["food"]]
    size = f"{slots['size']} " if slots["size"] else ""
    extras = f" with {slots['topping']}" if slots["topping"] else ""
    return f"{words(count)} {size}{noun}{extras}"


def _say_food(rng: random.Random, slots: Slots) -> str:
    spoken = _food_words(slots)
    if slots["quantity"] == 1 and rng.random() < 0.75:
        rest = spoken[4:]
        spoken = f"{article(rest)} {rest}"
    text = f"{rng.choice(_ORDER_LEADS[1:])} {spoken}"
    return text + (" please" if rng.random() < 0.2 else "")


def _food(slots: Slots) -> Act:
    made = call("order_food", food=slots["food"], quantity=slots["quantity"], size=slots["size"],
                topping=slots["topping"])  # fmt: skip
    spoken = _food_words(slots)
    return made, f"{spoken[0].upper()}{spoken[1:]}, coming up.", ()


def _change_food(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    kind = rng.random()
    if kind < 0.45:
        count = slots["quantity"]
        while count == slots["quantity"]:
            count = rng.randint(2, 9)
        return rng.choice(MAKE_IT).format(words(count)), {**slots, "quantity": count}
    if kind < 0.7:
        size = other(rng, _FOOD_SIZES, slots["size"])
        return rng.choice(MAKE_IT).format(size), {**slots, "size": size}
    topping = other(rng, _TOPPINGS[slots["food"]], slots["topping"])
    text = rng.choice(["with {} please", "with {}", "no with {}", "make it with {}"])
    return text.format(topping), {**slots, "topping": topping}


food = Skill(_draw_food, _say_food, _food, (_change_food,))
