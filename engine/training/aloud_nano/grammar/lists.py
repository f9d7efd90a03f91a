"""Shopping list, to-do list, calls and messages."""

from __future__ import annotations

import random

from aloud_nano.grammar.item import proper, your
from aloud_nano.grammar.skill import Act, Skill, Slots, command, fixed, please, please_first
from aloud_nano.grammar.slots import PEOPLE, TASKS, other
from aloud_nano.grammar.tools import call

GROCERIES = [
    "milk", "bread", "eggs", "butter", "apples", "bananas", "rice", "coffee", "tea", "sugar",
    "cheese", "tomatoes", "onions", "soap", "batteries", "paper towels", "orange juice", "chicken",
    "fish", "salt", "pasta", "flour", "honey", "yogurt", "potatoes", "lemons", "cereal",
    "chocolate",
    "olive oil", "toothpaste", "shampoo", "dog food", "cat food", "toilet paper", "candles", "ham",
    "mushrooms", "carrots", "grapes", "water", "a cake", "two lemons", "three onions", "six eggs",
]  # fmt: skip


def _items(rng: random.Random) -> Slots:
    chosen = rng.sample(GROCERIES, rng.choice([1, 1, 1, 2, 2, 3]))
    return {"items": " and ".join(chosen)}


def _another(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    """One more thing for the same list."""
    thing = rng.choice([g for g in GROCERIES if g not in slots["items"]])
    text = rng.choice(["and {}", "also {}", "{} too", "and also {}", "oh and {}", "and {} please"])
    return text.format(thing), {**slots, "items": thing}


def _instead(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    thing = rng.choice([g for g in GROCERIES if g not in slots["items"]])
    text = rng.choice(["no i meant {}", "i meant {}", "sorry {}", "no {}"])
    return text.format(thing), {**slots, "items": thing}


shopping = Skill(
    _items,
    lambda rng, slots: command(
        rng,
        ["add {i} to my shopping list", "put {i} on the shopping list", "add {i} to the list",
         "put {i} on my list", "add {i} to the shopping list", "write {i} on the shopping list",
         "put {i} on my shopping list"],
        ["we need {i}", "we're out of {i}", "i have to buy {i}", "{i} on the shopping list",
         "{i} for the shopping list"], i=slots["items"]),
    lambda slots: (call("add_to_list", list="shopping", items=slots["items"]),
                   f"Added {slots['items']} to your list.", ()),
    (_another, _another, _instead),
)  # fmt: skip

shopping_remove = Skill(
    _items,
    lambda rng, slots: command(
        rng,
        ["remove {i} from my shopping list", "take {i} off the list", "delete {i} from the list",
         "take {i} off my shopping list", "cross {i} off the shopping list",
         "remove {i} from the list"],
        ["we don't need {i}", "i bought {i}", "i already have {i}", "no {i} on the list"],
        i=slots["items"]),
    lambda slots: (call("remove_from_list", list="shopping", items=slots["items"]),
                   f"Removed {slots['items']} from your list.", ()),
    (_another, _instead),
)  # fmt: skip

todo = Skill(
    lambda rng: {"items": rng.choice(TASKS)},
    lambda rng, slots: command(
        rng,
        ["add {i} to my to do list", "put {i} on my to do list", "add {i} to my tasks",
         "make a note to {i}", "note that i have to {i}", "put {i} on the to do list",
         "add a task to {i}"],
        ["new task {i}", "to do {i}", "task {i}"], i=slots["items"]),
    lambda slots: (call("add_to_list", list="todo", items=slots["items"]),
                   f"Added to your tasks: {your(slots['items'])}.", ()),
    (lambda rng, slots: ((lambda task: (rng.choice(["and {}", "also {}",
    "and also {}"]).format(task),
                                        {**slots, "items": task}))
                         (other(rng, TASKS, slots["items"]))),),
)  # fmt: skip

read_list = fixed(
    [
        ("read_list(list=shopping)", "I can't see your list from here.",
         ["what's on my shopping list", "read my shopping list", "what is on my shopping list",
          "read me the shopping list", "what do i need to buy", "what's on the list",
          "show me my shopping list", "read the list"]),
        ("read_list(list=todo)", "I can't see your tasks from here.",
         ["what's on my to do list", "what do i have to do", "read my tasks", "what are my tasks",
          "read my to do list", "what is on my to do list", "do i have any tasks"]),
    ]
)  # fmt: skip


def _change_person(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    person = other(rng, PEOPLE, slots["person"])
    text = rng.choice(["no i meant {}", "no {}", "and {}", "i meant {}", "sorry {}", "and {} too"])
    return text.format(person), {**slots, "person": person}


phone = Skill(
    lambda rng: {"person": rng.choice(PEOPLE)},
    lambda rng, slots: command(
        rng,
        ["call {p}", "call {p}", "phone {p}", "give {p} a call", "ring {p}", "dial {p}",
         "make a call to {p}", "call up {p}", "start a call with {p}"],
        ["i want to talk to {p}", "get {p} on the phone", "i need to call {p}",
         "let me speak to {p}"], p=slots["person"]),
    lambda slots: (call("call_person", person=slots["person"]),
                   proper(f"Calling {your(slots['person'])}."),
                   ()),
    (_change_person,),
)  # fmt: skip
hang_up = fixed(
    [("hang_up()", "Call ended.",
      ["hang up", "end the call", "hang up the phone", "stop the call", "end call",
       "finish the call"])],
    please,
)  # fmt: skip

_MESSAGES = [
    "i am late", "i'm on my way", "see you soon", "i love you", "call me back", "happy birthday",
    "where are you", "dinner is ready", "i am at home", "i'll be there in ten minutes",
    "thank you", "good luck", "the train is late", "can you pick me up", "i miss you",
    "we need milk", "see you tomorrow", "i can't come today", "the meeting is at three",
    "don't forget the keys", "i am at the station", "what time is dinner", "sorry i forgot",
    "bring some bread", "i arrived", "i am stuck in traffic", "let's meet at noon", "good night",
    "how are you", "i'm running five minutes late", "the door is open", "please call me",
]  # fmt: skip


def _say_message(rng: random.Random, slots: Slots) -> str:
    if not slots["text"]:
        template = rng.choice(
            ["text {p}", "send a message to {p}", "write to {p}", "message {p}",
             "send {p} a text", "send a text to {p}", "send {p} a message"])  # fmt: skip
        return please_first(rng, template.format(p=slots["person"]))
    template = rng.choice(
        ["text {p} {t}", "tell {p} {t}", "send a message to {p} saying {t}", "message {p} {t}",
         "send {p} a message saying {t}", "write to {p} {t}", "text {p} saying {t}",
         "send a text to {p} {t}", "send {p} a text saying {t}", "let {p} know {t}"]
    )  # fmt: skip
    return please_first(rng, template.format(p=slots["person"], t=slots["text"]))


def _message(slots: Slots) -> Act:
    made = call("send_message", person=slots["person"], text=slots["text"])
    if not slots["text"]:
        return made, proper(f"What should I write to {your(slots['person'])}?"), ()
    return made, proper(f"Message to {your(slots['person'])}: {slots['text']}."), ()


def _give_text(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    """The message itself (where it was asked for), or another one."""
    text = rng.choice(_MESSAGES)
    if not slots["text"]:
        return rng.choice(["{}", "{}", "tell them {}", "say {}"]).format(text), {
            **slots,
            "text": text,
        }
    return rng.choice(["no write {}", "no say {}", "make it {}"]).format(text), {
        **slots,
        "text": text,
    }


message = Skill(
    lambda rng: {"person": rng.choice(PEOPLE),
                 "text": rng.choice(_MESSAGES) if rng.random() < 0.75 else ""},
    _say_message, _message, (_give_text, _give_text, _change_person),
)  # fmt: skip
