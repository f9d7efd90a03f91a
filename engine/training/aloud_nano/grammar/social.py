"""Small talk, control words, calls, lists, orders, and the weather nano cannot know."""

from __future__ import annotations

import random

from aloud_nano.grammar.home import PEOPLE
from aloud_nano.grammar.item import Item, article, your
from aloud_nano.grammar.knowledge import CAPITALS

_IDENTITY = "I am a small voice assistant that listens and thinks on your device."
_ABILITIES = "I can do sums, timers, lights, music, facts, and tell you what I hear."
CHAT = [
    ("hello", "greet()", "Hello! How can I help?"),
    ("hi there", "greet()", "Hello! How can I help?"),
    ("hey", "greet()", "Hello! How can I help?"),
    ("good morning", "greet(morning)", "Good morning! How can I help?"),
    ("good evening", "greet(evening)", "Good evening! How can I help?"),
    ("good night", "greet(night)", "Good night, sleep well."),
    ("how are you", "smalltalk(how)", "I am fine, thank you."),
    ("how are you doing today", "smalltalk(how)", "I am fine, thank you."),
    ("thank you", "thanks()", "You are welcome."),
    ("thanks a lot", "thanks()", "You are welcome."),
    ("goodbye", "bye()", "Goodbye!"),
    ("see you later", "bye()", "Goodbye!"),
    ("bye", "bye()", "Goodbye!"),
    ("who are you", "identity()", _IDENTITY),
    ("what is your name", "identity()", _IDENTITY),
    ("what can you do", "abilities()", _ABILITIES),
    ("help", "abilities()", _ABILITIES),
    ("tell me a joke", "joke()", "Why did the robot nap? It had a hard drive."),
    ("are you a robot", "robot()", "Yes, I am a computer program."),
    ("can you hear me", "hearme()", "Yes, I can hear you."),
    ("stop", "control(stop)", "Okay, stopping."),
    ("cancel", "control(cancel)", "Okay, cancelled."),
    ("cancel that", "control(cancel)", "Okay, cancelled."),
    ("never mind", "control(cancel)", "Okay, cancelled."),
    ("yes", "reply(yes)", "Okay, yes."),
    ("no", "reply(no)", "Okay, no."),
    ("yes please", "reply(yes)", "Okay, yes."),
    ("no thanks", "reply(no)", "Okay, no."),
    ("wait", "control(wait)", "Okay, waiting."),
    ("go on", "control(continue)", "Okay, going on."),
    ("speak slower", "control(slower)", "Okay, I will speak slower."),
    ("speak louder", "control(louder)", "Okay, I will speak louder."),
]

_GROCERIES = [
    "milk", "bread", "eggs", "butter", "apples", "bananas", "rice", "coffee", "tea", "sugar",
    "cheese", "tomatoes", "onions", "soap", "batteries", "paper towels", "orange juice", "chicken",
    "fish", "salt",
]  # fmt: skip


def chat(rng: random.Random) -> Item:
    return Item(*rng.choice(CHAT))


def shopping(rng: random.Random) -> Item:
    items = rng.sample(_GROCERIES, rng.choice([1, 1, 2]))
    spoken = " and ".join(items)
    text = rng.choice(
        [
            f"add {spoken} to my shopping list",
            f"put {spoken} on the shopping list",
            f"add {spoken} to the list",
        ]
    )
    return Item(text, f"list_add({', '.join(items)})", f"Added {spoken} to your list.")


def call(rng: random.Random) -> Item:
    person = rng.choice(PEOPLE)
    if rng.random() < 0.6:
        lead = rng.choice(["call", "please call", "phone"])
        return Item(f"{lead} {person}", f"call({person})", f"Calling {your(person)}.")
    lead = rng.choice(["send a message to", "text"])
    answer = f"What should I write to {your(person)}?"
    return Item(f"{lead} {person}", f"message({person})", answer)


def weather(rng: random.Random) -> Item:
    city = rng.choice(list(CAPITALS.values())) if rng.random() < 0.6 else ""
    when = rng.choice(["", "", " today", " tomorrow"])
    where = f" in {city}" if city else ""
    lead = rng.choice(
        ["what is the weather", "what's the weather like", "will it rain", "how is the weather"]
    )
    slot = f", {when.strip()}" if when else ""
    answer = "I cannot check the weather, because I work offline."
    return Item(f"{lead}{where}{when}", f"weather({city or 'here'}{slot})", answer)


_SIZES = [
    "small",
    "medium",
    "large",
    "eight ounce",
    "twelve ounce",
    "sixteen ounce",
    "twenty ounce",
]
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
    "may i have",
]  # fmt: skip


def order(
    drink: str, size: str = "", roast: str = "", shots: str = "", milk: str = "", sugar: str = ""
) -> tuple[str, str]:
    """Call and answer of an order (also used for the real recordings, which come with slots)."""
    slots = "; ".join(s for s in (drink, size, roast, shots, milk, sugar) if s)
    body = " ".join(s for s in (size, roast, shots, drink) if s)
    extras = " and ".join(s for s in (milk, sugar) if s)
    return f"order({slots})", f"One {body}{f' with {extras}' if extras else ''}, coming up."


def coffee(rng: random.Random) -> Item:
    size = rng.choice(_SIZES) if rng.random() < 0.5 else ""
    roast = rng.choice(_ROASTS) if rng.random() < 0.5 else ""
    shots = rng.choice(_SHOTS) if rng.random() < 0.5 else ""
    drink = rng.choice(_DRINKS)
    parts = [p for p in (size, roast, shots) if p]
    rng.shuffle(parts)
    spoken = " ".join([*parts, drink])
    determiner = rng.choice([f"{article(spoken)} ", f"{article(spoken)} ", "a ", ""])
    milk = rng.choice(_AMOUNTS) + rng.choice(_MILKS) if rng.random() < 0.45 else ""
    sugar = rng.choice(_AMOUNTS) + rng.choice(_SUGARS) if rng.random() < 0.5 else ""
    extras = [e for e in (milk, sugar) if e]
    rng.shuffle(extras)
    text = f"{rng.choice(_ORDER_LEADS)} {determiner}{spoken}"
    if extras:
        text += " with " + " and ".join(extras)
    return Item(text, *order(drink, size, roast, shots, milk, sugar))
