"""Requests cut mid-way: where they can be cut, and what nano asks for."""

from __future__ import annotations

import random
import re

from aloud_nano.grammar.item import Item, capital
from aloud_nano.grammar.skill import core

ASK = "Go on."
# A request that ends in one of these is never complete.
_DANGLING = frozenset(
    "the a an for to at in of my and plus minus times from than with is are what's make living "
    "dining guest kids what which how many much does if was between by or saying multiplied "
    "divided some another has have buy".split()
)
# Verbs that say nothing where nothing but courtesies stands before them.
_VERBS = frozenset(
    "set remind convert spell calculate add put text send change turn sort wake find switch tell "
    "call order remove delete count".split()
)
# What is asked for, by the text alone (without courtesies); the first that fits.
_ASKS = [
    (re.compile(pattern), answer)
    for pattern, answer in (
        (r"timer .*for$|^timer for$|timer for$", "For how long?"),
        (r"\b(alarm|wake me|get me up|wake up)\b.* (for|at)$", "At what time?"),
        (r"\b(remind|reminder|forget|note)\b.* to$|^i have to$", "To do what?"),
        (r"\b(remind|reminder|forget)\b.* at$", "At what time?"),
        (r"\b(remind|reminder|forget)\b.* in$", "In how long?"),
        (r"\b(temperature|thermostat|heat|heating)\b.* to$", "To how many degrees?"),
        (r"\b(volume|sound)\b.* (to|at)$", "To what level?"),
        (r"\b(volume|music|it|temperature|heating)\b.* by$", "By how much?"),
        (r"\b(light|lights|lamp)\b.* to$", "To what?"),
        (r"^(add|put|remove|spell|open|close|convert|calculate|sort)$", "{} what?"),
        (r"^(text|tell|call)$", "{} whom?"),
        (r"\bsaying$", "What should I write?"),
        (r"\b(message|call|write|text) to$", "To whom?"),
        (r"\b(weather|forecast|rain|umbrella|warm|cold|snow|sunny)\b.* in$", "In which place?"),
        (r"\b(seconds?|minutes?|hours?|days?|weeks?|feet|foot|inch|inches|[a-z]*meters?|grams?|"
         r"kilograms?|tons?|pounds?|ounces?|gallons?|quarts?|pints?|cups?|dollars?|celsius|"
         r"fahrenheit|[a-z]*liters?|yards?|decades?|years?) (in|to)$", "In which unit?"),
        (r"\bcapital of$", "Of which country?"),
        (r"\bopposite of$", "Of which word?"),
        (r"\b(turn|switch|shut) (on|off) the$|^(open|close|lock|unlock|shut) the$", "Which one?"),
        (r"\b(play|put on|hear|like) some$", "Which music?"),
        (r"\b(lights?|lamp|fan|blinds|curtains|shades|shutters|temperature|heating|thermostat|"
         r"degrees|music|brightness)\b.* in( the)?$", "In which room?"),
        (r"\bwith$", "With what?"),
        (r"\b(get|have|want|take|like|give me|make me|brew|order)( an?)?$", "What would you like?"),
    )
]  # fmt: skip
# Complete as they stand, although they end in a word from above.
_COMPLETE = frozenset(
    ["go back", "the front", "the back", "what is that", "what's that", "and back"]
)
_COURTEOUS = frozenset("please hey okay um uh so now well can could would will you i".split())


def cuts(text: str) -> list[int]:
    """After how many words this request can be cut so that it is surely not complete."""
    tokens = text.split()
    places = []
    for at in range(1, len(tokens)):
        meaning = [t for t in tokens[:at] if t not in _COURTEOUS]
        bare_verb = len(meaning) == 1 and meaning[0] in _VERBS
        if not bare_verb and tokens[at - 1] not in _DANGLING:
            continue
        if not meaning or " ".join(meaning) in _COMPLETE:
            continue
        if tokens[at - 1] == "to" and tokens[at] == "do":
            continue
        if tokens[at] == "m" or meaning in (["what"], ["how"], ["which"]):
            continue
        if at == 1 and tokens[0] in ("in", "at", "for", "from", "a", "an", "the", "and", "is"):
            continue
        places.append(at)
    return places


def asked(text: str) -> str:
    """The question that an unfinished text is answered with."""
    bare = core(text)
    for pattern, answer in _ASKS:
        if pattern.search(bare):
            return answer.format(capital(bare.split()[0]))
    return ASK


def cut(rng: random.Random, item: Item) -> tuple[Item, str] | None:
    """The unfinished item, and what its speaker would have gone on to say."""
    places = cuts(item.text)
    if not places:
        return None
    at = rng.choice(places)
    tokens = item.text.split()
    text = " ".join(tokens[:at])
    made = Item(text, "unfinished()", asked(text), "unfinished", finished=False)
    return made, " ".join(tokens[at:])
