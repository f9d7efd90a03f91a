"""How a request is put together: slots, ways to say them, what they do, and follow-ups."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aloud_nano.grammar.item import Item

Slots = dict[str, Any]
Steps = tuple[str, ...]
Act = tuple[str, str, Steps]  # call, answer, steps
# What is said to change one slot, and all slots after it; None where these slots allow none.
Change = Callable[[random.Random, Slots], tuple[str, Slots] | None]


@dataclass(frozen=True)
class Skill:
    """An intent whose slots can be carried over to the next turn."""

    draw: Callable[[random.Random], Slots]
    say: Callable[[random.Random, Slots], str]
    act: Callable[[Slots], Act]
    changes: tuple[Change, ...] = ()

    def item(self, rng: random.Random, slots: Slots) -> Item:
        call, answer, steps = self.act(slots)
        return Item(self.say(rng, slots), call, answer, steps=steps)

    def __call__(self, rng: random.Random) -> Item:
        return self.item(rng, self.draw(rng))


_LEADS = (
    "please", "please", "can you", "can you", "could you", "could you", "can you please",
    "could you please", "would you", "will you", "hey", "hey can you", "okay", "um", "uh",
    "i want you to", "i'd like you to", "i need you to", "go ahead and", "now", "so", "well",
    "hey could you", "um can you", "okay please", "would you please",
)  # fmt: skip
_TAILS = ("please", "please", "please", "for me", "now", "thanks", "thank you", "right now", "okay")
_FILLERS = ("hey", "so", "okay", "um", "uh", "quick question", "well", "now")
# Questions that begin with a statement: "tell me" does not go before them.
_TOLD = ("i ", "today ", "it is ", "it's ", "the movie", "my ", "if ", "there ")
_ASKING = (
    "hey", "so", "okay", "um", "uh", "please tell me", "tell me", "can you tell me", "do you know",
    "could you tell me", "hey tell me", "i want to know", "quick question", "now", "well",
)  # fmt: skip


# What a spoken request may be wrapped in without becoming another request.
_COURTESY = re.compile(
    r"\b(please|hey|okay|um|uh|so|well|now|hi|thanks|thank you|for me|right now|go ahead and|"
    r"(can|could|would|will) you|can i|could i|may i|(i want|i need|i'd like) you to|"
    r"(please |can you |could you |hey )?tell me|do you know|i want to know|quick question)\b"
)


def core(text: str) -> str:
    """The text without courtesies; what the split is decided by."""
    return " ".join(_COURTESY.sub(" ", text).split()) or text


def please(rng: random.Random, text: str) -> str:
    """A command that begins with its verb, as people wrap it."""
    roll = rng.random()
    if roll < 0.5:
        return text
    if roll < 0.78:
        return f"{rng.choice(_LEADS)} {text}"
    if roll < 0.92:
        return f"{text} {rng.choice(_TAILS)}"
    return f"{rng.choice(_LEADS)} {text} {rng.choice(_TAILS[:5])}"


def please_first(rng: random.Random, text: str) -> str:
    """As ``please``, but nothing follows: for commands that end in the user's own words."""
    return text if rng.random() < 0.6 else f"{rng.choice(_LEADS)} {text}"


def asking(rng: random.Random, text: str) -> str:
    """A question, as people wrap it."""
    if rng.random() < 0.72:
        return text
    told = text.startswith(_TOLD)
    return f"{rng.choice(_FILLERS if told else _ASKING)} {text}"


def command(
    rng: random.Random, verbs: Sequence[str], elided: Sequence[str] = (), **slots: object
) -> str:
    """One of the templates, filled in; empty slots leave no double space."""
    if elided and rng.random() < 0.25:
        text = rng.choice(elided).format(**slots)
        text += " please" if rng.random() < 0.15 else ""
    else:
        text = please(rng, rng.choice(verbs).format(**slots))
    return " ".join(text.split())


def question(rng: random.Random, templates: Sequence[str], **slots: object) -> str:
    return " ".join(asking(rng, rng.choice(templates).format(**slots)).split())


Phrases = Sequence[tuple[str, str, Sequence[str]]]  # call, answer, what is said


def fixed(
    table: Phrases, wrap: Callable[[random.Random, str], str] | None = None
) -> Callable[[random.Random], Item]:
    """An intent that is a table of phrases, each meaning drawn equally often."""

    def make(rng: random.Random) -> Item:
        call, answer, phrases = rng.choice(table)
        text = rng.choice(phrases)
        if wrap is not None and rng.random() < 0.4:
            text = wrap(rng, text)
        return Item(text, call, answer)

    return make
