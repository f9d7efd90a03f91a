"""What a tool gives back for a call, in the forms that apps use, and what nano says then."""

from __future__ import annotations

import json
import random
import re

from aloud_nano.grammar.calendar import LENGTHS, MONTHS
from aloud_nano.grammar.context import value
from aloud_nano.grammar.item import Item, capital, listed, names, your
from aloud_nano.grammar.lists import GROCERIES
from aloud_nano.grammar.numbers import (
    clock_words,
    draw,
    duration,
    duration_words,
    ordinal,
    plural,
    words,
)
from aloud_nano.grammar.slots import DAYS, TASKS
from aloud_nano.grammar.tools import TOOLS, parse_call

FAILURE_SHARE = 0.2
_DONE = ("ok", "ok", "ok", '{"ok":true}', '{"ok":true}', '{"ok": true}', "done", "success",
         '{"status":"ok"}', '{"success":true}', '{"result":"ok"}', "true")  # fmt: skip
_REASONS = (
    "not connected", "device not found", "no such room", "timeout", "not allowed", "not found",
    "the device is off", "no answer", "permission denied", "no network", "busy", "try again later",
    "battery empty", "unknown name", "not available", "the list is full", "already running",
    "no timer is running", "wrong time", "the service is down", "not installed", "invalid value",
)  # fmt: skip
_FAILED = ("error: {}", "error: {}", "failed: {}", '{{"error":"{}"}}',
'{{"ok":false,"error":"{}"}}',
           '{{"error": "{}"}}', '{{"status":"error","message":"{}"}}')  # fmt: skip
_SKIES = ["sunny", "cloudy", "rainy", "windy", "clear", "foggy", "snowy", "stormy", "dry"]


def _form(rng: random.Random, key: str, value: str | int) -> str:
    """Bare, or as JSON under a key."""
    if rng.random() < 0.5:
        return str(value)
    space = rng.choice([(",", ":"), (", ", ": ")])
    return json.dumps({rng.choice([key, "result"]): value}, separators=space)


def _weather(rng: random.Random, values: dict[str, str]) -> tuple[str, str]:
    degrees, sky = draw(rng, 1, 35), rng.choice(_SKIES)
    place = f" in {names(values['place'])}" if "place" in values else ""
    day = values.get("day", "")
    later = day not in ("", "today")
    on = f" on {capital(day)}" if day in DAYS else f" {day}" if day else ""
    answer = f"It {'will be' if later else 'is'} {plural(degrees, 'degree')} and {sky}{place}{on}."
    if rng.random() < 0.5:
        unit = "degree" if degrees == 1 else "degrees"
        return rng.choice([f"{degrees} {unit} and {sky}", f"{degrees} {unit}, {sky}"]), answer
    return json.dumps({"degrees": degrees, "sky": sky}, separators=(",", ":")), answer


def _timer(rng: random.Random, values: dict[str, str]) -> tuple[str, str]:
    left = duration(rng).compact
    single = re.fullmatch("1[hms]", left)
    spoken = duration_words(left)
    return _form(rng, "left", left), f"{capital(spoken)} {'is' if single else 'are'} left."


def _list(rng: random.Random, values: dict[str, str]) -> tuple[str, str]:
    shopping = values.get("list") == "shopping"
    things = rng.sample(GROCERIES if shopping else TASKS, rng.choice([0, 1, 2, 2, 3, 3, 4]))
    if not things:
        return rng.choice(["empty", "[]", '{"items":[]}', "nothing"]), "Your list is empty."
    spoken = listed(things if shopping else [your(thing) for thing in things])
    answer = f"On your list: {spoken}."
    form = rng.random()
    if form < 0.5:
        return ", ".join(things), answer
    body = json.dumps(things, separators=(",", ":"))
    return body if form < 0.75 else f'{{"items":{body}}}', answer


def _time(rng: random.Random, values: dict[str, str]) -> tuple[str, str]:
    compact = f"{rng.randint(1, 12)}:{rng.randint(0, 59):02d}{rng.choice(['am', 'pm'])}"
    return _form(rng, "time", compact), f"It is {clock_words(compact)}."


def _date(rng: random.Random, values: dict[str, str]) -> tuple[str, str]:
    month = rng.randrange(12)
    day, weekday = rng.randint(1, LENGTHS[month]), rng.choice(DAYS)
    answer = f"It is {capital(weekday)}, {capital(MONTHS[month])} {ordinal(day)}."
    return _form(rng, "date", f"{weekday} {MONTHS[month]} {day}"), answer


def _chance(rng: random.Random, values: dict[str, str]) -> tuple[str, str]:
    if values.get("of") == "coin":
        side = rng.choice(["heads", "tails"])
        return _form(rng, "side", side), f"It is {side}."
    number = rng.randint(1, 6 if values.get("of") == "dice" else 100)
    return _form(rng, "number", number), f"It is {words(number)}."


_DATA = {"get_weather": _weather, "get_timer": _timer, "read_list": _list, "get_time": _time,
         "get_date": _date, "pick_random": _chance}  # fmt: skip


def result_of(rng: random.Random, item: Item) -> Item:
    """A result for this item's call. ``intent`` and ``call`` stay those of the item."""
    name, values = parse_call(item.call) or ("", {})

    def made(result: str, answer: str | None) -> Item:
        return Item("", item.call, answer, item.intent, result=result)

    if rng.random() < FAILURE_SHARE:
        reason = rng.choice(_REASONS)
        return made(rng.choice(_FAILED).format(reason), f"Sorry, that did not work: {reason}.")
    if name in _DATA:
        return made(*_DATA[name](rng, values))
    if name in TOOLS and TOOLS[name].kind == "action":
        return made(rng.choice(_DONE), item.answer)
    number = value(item)
    if number is not None:
        return made(_form(rng, "value", number), item.answer)
    return made(_form(rng, "answer", item.answer or ""), item.answer)
