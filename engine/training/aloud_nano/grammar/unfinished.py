"""Requests cut mid-way: where they can be cut, and what nano asks for."""

from __future__ import annotations

import random

from aloud_nano.grammar.item import Item

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
_ENDS: tuple[tuple[str, str, str], ...] = (  # intent, last word, question
    ("timer", "for", "For how long?"), ("timer_add", "add", "How much should I add?"),
    ("alarm", "for", "For what time?"), ("alarm", "at", "At what time?"),
    ("alarm_cancel", "at", "At what time?"), ("alarm_cancel", "for", "For what time?"),
    ("remind", "to", "To do what?"), ("remind", "at", "At what time?"),
    ("remind", "in", "In how long?"), ("remind", "remind", "Of what?"),
    ("thermostat", "to", "To how many degrees?"), ("volume", "to", "To what level?"),
    ("volume", "at", "To what level?"), ("volume_by", "by", "By how much?"),
    ("light_level", "to", "To how many percent?"), ("light_colour", "to", "To which color?"),
    ("shopping", "add", "Add what?"), ("shopping", "put", "Put what?"),
    ("todo", "add", "Add what?"), ("call", "to", "To whom?"), ("message", "to", "To whom?"),
    ("message", "text", "Text whom?"), ("message", "tell", "Tell whom?"),
    ("message", "saying", "What should I write?"), ("convert", "to", "To which unit?"),
    ("convert", "in", "In which unit?"), ("capital", "of", "Of which country?"),
    ("opposite", "of", "Of which word?"), ("spell", "spell", "Spell what?"),
    ("coffee", "with", "With what?"), ("food", "with", "With what?"), ("coffee", "a", "A what?"),
    ("food", "a", "A what?"), ("weather", "in", "In which place?"),
    ("lights", "in", "In which room?"), ("music", "in", "In which room?"),
    ("thermostat", "in", "In which room?"), ("fan", "in", "In which room?"),
    ("blinds", "in", "In which room?"), ("door", "the", "Which one?"),
    ("music", "some", "Which music?"), ("music", "by", "By whom?"),
)  # fmt: skip
_QUESTIONS = {(intent, last): asked for intent, last, asked in _ENDS}
_THING = frozenset(["lights", "fan", "blinds", "door"])
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
        if tokens[at - 1] == "to" and tokens[at:] == ["do"]:
            continue
        if at == 1 and tokens[0] in ("in", "at", "for", "from", "a", "an", "the", "and", "is"):
            continue
        places.append(at)
    return places


def asked(intent: str, text: str) -> str:
    last = text.split()[-1]
    found = _QUESTIONS.get((intent, last))
    if found:
        return found
    if intent in _THING and last == "the" and text.startswith(("turn", "switch", "open", "close")):
        return "Which one?"
    return ASK


def cut(rng: random.Random, item: Item) -> tuple[Item, str] | None:
    """The unfinished item, and what its speaker would have gone on to say."""
    places = cuts(item.text)
    if not places:
        return None
    at = rng.choice(places)
    tokens = item.text.split()
    text = " ".join(tokens[:at])
    made = Item(text, "unfinished()", asked(item.intent, text), "unfinished", finished=False)
    return made, " ".join(tokens[at:])
