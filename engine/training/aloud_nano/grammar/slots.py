"""Values that several intents share, and ways to say another one."""

from __future__ import annotations

import random

from aloud_nano.grammar.numbers import draw, words
from aloud_nano.grammar.skill import Change, Slots

DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
ROOMS = [
    "kitchen", "living room", "bedroom", "bathroom", "office", "hallway", "garage", "dining room",
    "garden", "basement", "kids room", "guest room", "attic", "porch", "study",
]  # fmt: skip
COLORS = ["red", "green", "blue", "yellow", "white", "purple", "orange", "pink"]
PEOPLE = [
    "mom", "dad", "anna", "john", "peter", "mary", "the doctor", "the bank", "my sister",
    "my brother", "alice", "tom", "sarah", "david", "the office", "grandma", "my wife",
    "my husband", "emma", "jack", "laura", "mike", "grandpa", "my boss", "lisa", "ben", "kate",
    "uncle bob", "aunt jane", "the school", "the dentist", "paul",
]  # fmt: skip
TASKS = [
    "take out the trash", "water the plants", "feed the cat", "walk the dog", "buy milk",
    "pay the rent", "do the laundry", "take my medicine", "check the oven", "send the report",
    "book a flight", "clean the kitchen", "buy bread", "charge my phone", "lock the door",
    "pick up the kids", "do my homework", "go to the gym", "drink some water", "call the bank",
    "renew my passport", "wash the car", "return the books", "fix the bike", "order a cake",
    "pack my bag", "turn off the oven", "buy a present", "cancel the meeting", "clean the fridge",
]  # fmt: skip
PERSON_TASKS = ["call {p}", "email {p}", "meet {p}", "write to {p}", "visit {p}", "text {p}"]


def place(room: str) -> str:
    return f" in the {room}" if room else ""


def other(rng: random.Random, options: list[str], than: str) -> str:
    chosen = rng.choice(options)
    while chosen == than:
        chosen = rng.choice(options)
    return chosen


def change_room(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    room = other(rng, ROOMS, slots["room"])
    text = rng.choice(
        ["and in the {}", "and in the {} too", "and the {}", "what about the {}", "the {} too",
         "also in the {}", "same in the {}", "do the same in the {}", "now the {}",
         "no i meant the {}", "no in the {}", "i meant the {}", "and the one in the {}"]
    )  # fmt: skip
    return text.format(room), {**slots, "room": room}


def slip(rng: random.Random, spoken: str, wrong: str) -> str:
    """Now and then the speaker says another value first and puts it right."""
    if wrong == spoken or rng.random() > 0.04:
        return spoken
    return f"{wrong} {rng.choice(['no', 'no wait', 'sorry', 'i mean', 'no i mean'])} {spoken}"


# Ways to give one slot a new value.
MAKE_IT = [
    "make it {}", "make that {}", "change it to {}", "no {}", "no i meant {}", "i meant {}",
    "actually {}", "actually make it {}", "sorry {}", "wait make it {}", "no make it {}",
    "change that to {}", "i said {}",
]  # fmt: skip


def change_to(slot: str, options: list[str]) -> Change:
    """A follow-up that says another value of one slot."""

    def change(rng: random.Random, slots: Slots) -> tuple[str, Slots] | None:
        if not slots.get(slot):
            return None
        value = other(rng, options, slots[slot])
        return rng.choice(MAKE_IT).format(value), {**slots, slot: value}

    return change


def change_number(slot: str, low: int, high: int, unit: str = "") -> Change:
    """Another number for one slot, with or without its unit."""

    def change(rng: random.Random, slots: Slots) -> tuple[str, Slots] | None:
        number = draw(rng, low, high, 0.5)
        if number == slots[slot]:
            return None
        spoken = words(number) + (f" {unit}" if unit and rng.random() < 0.4 else "")
        return rng.choice(MAKE_IT).format(spoken), {**slots, slot: number}

    return change
