"""Requests that are complete as sentences but lack what the call needs: nano asks for it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aloud_nano.grammar.home import thermostat
from aloud_nano.grammar.item import Item
from aloud_nano.grammar.lists import GROCERIES, phone, shopping
from aloud_nano.grammar.media import ARTISTS, GENRES, music, volume
from aloud_nano.grammar.numbers import clock, draw, duration, words
from aloud_nano.grammar.skill import Skill, Slots, please
from aloud_nano.grammar.slots import PEOPLE
from aloud_nano.grammar.timekeeping import alarm, timer
from aloud_nano.grammar.tools import call
from aloud_nano.grammar.words import SPELLABLE, spell

# What the user says then, and all slots with it.
Fill = Callable[[random.Random], tuple[str, Slots]]


@dataclass(frozen=True)
class Gap:
    """``texts`` lack ``slot``; ``fill`` says it and gives all slots of the skill."""

    intent: str
    skill: Skill
    slot: str
    texts: Sequence[str]
    asked: str
    fill: Fill


def _duration(rng: random.Random) -> tuple[str, Slots]:
    span = duration(rng)
    text = rng.choice(["{}", "{}", "for {}", "{} please", "make it {}"]).format(span.said)
    return text, {"duration": span.compact, "said": span.said, "steps": span.steps}


def _time(rng: random.Random) -> tuple[str, Slots]:
    time = clock(rng)
    text = rng.choice(["{}", "{}", "at {}", "for {}", "{} please"]).format(time.said)
    return text, {"time": time.compact, "said": time.said, "day": "", "steps": time.steps}


def _choice(slot: str, options: Sequence[str], **rest: str) -> Fill:
    def fill(rng: random.Random) -> tuple[str, Slots]:
        value = rng.choice(options)
        return rng.choice(["{}", "{}", "{} please"]).format(value), {slot: value, **rest}

    return fill


def _number(slot: str, unit: str, low: int, high: int, **rest: str) -> Fill:
    def fill(rng: random.Random) -> tuple[str, Slots]:
        value = draw(rng, low, high, 0.4)
        text = rng.choice(["{}", "{} {}", "to {}", "to {} {}"]).format(words(value), unit)
        return text, {slot: value, **rest}

    return fill


GAPS = [
    Gap("timer", timer, "duration",
        ["set a timer", "start a timer", "i need a timer", "timer", "new timer", "set the timer"],
        "For how long?", _duration),
    Gap("alarm", alarm, "time",
        ["set an alarm", "set the alarm", "wake me up", "i need an alarm", "new alarm"],
        "At what time?", _time),
    Gap("call", phone, "person",
        ["make a call", "call someone", "make a phone call", "i want to call someone",
         "start a call"], "Whom should I call?", _choice("person", PEOPLE)),
    Gap("music", music, "query",
        ["play music", "play some music", "put on some music", "play something", "play a song",
         "i want to hear music"], "Which music?", _choice("query", GENRES + ARTISTS, room="")),
    Gap("volume", volume, "level",
        ["set the volume", "change the volume", "adjust the volume"], "To what level?",
        _number("level", "percent", 0, 100)),
    Gap("thermostat", thermostat, "degrees",
        ["set the temperature", "change the temperature", "set the thermostat",
         "adjust the temperature"], "To how many degrees?",
        _number("degrees", "degrees", 10, 30, room="")),
    Gap("shopping", shopping, "items",
        ["add something to my shopping list", "put something on my list",
         "add to the shopping list",
         "i need something for the shopping list"], "What should I add?",
        _choice("items", GROCERIES)),
    Gap("spell", spell, "word",
        ["can you spell a word", "spell a word", "spell something", "i want you to spell a word"],
        "Which word?", _choice("word", SPELLABLE)),
]  # fmt: skip


def _ask(rng: random.Random, gap: Gap) -> Item:
    text = rng.choice(gap.texts)
    text = please(rng, text) if not text.startswith(("i ", "can ", "new ", "timer")) else text
    return Item(text, call("clarify", missing=gap.slot), gap.asked, "missing")


def missing(rng: random.Random) -> Item:
    return _ask(rng, rng.choice(GAPS))


def filled(rng: random.Random) -> tuple[list[Item], str, Slots]:
    """The request, what it lacked, and the skill with its slots now."""
    gap = rng.choice(GAPS)
    first = _ask(rng, gap)
    text, slots = gap.fill(rng)
    made, answer, steps = gap.skill.act(slots)
    steps = (f"before: {first.text}", f"{gap.slot}: {slots[gap.slot]}", *steps)
    return [first, Item(text, made, answer, gap.intent, steps=steps)], gap.intent, slots
