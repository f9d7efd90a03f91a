"""Every call that nano writes, declared once: name, meaning, parameters.

A call is ``name(key=value, key=value)``; values hold no comma and no bracket. The model directory
repeats ``declarations()`` as tools.json.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["action", "query", "own"]
Type = Literal["string", "integer"]


@dataclass(frozen=True)
class Parameter:
    """``values`` empty: any value of the type."""

    description: str
    type: Type = "string"
    values: tuple[str, ...] = ()
    required: bool = True


@dataclass(frozen=True)
class Tool:
    """``action`` changes something, ``query`` has an answer, ``own`` concerns nano alone."""

    name: str
    description: str
    kind: Kind
    parameters: dict[str, Parameter]


TOOLS: dict[str, Tool] = {}


def _declare(kind: Kind, name: str, description: str, /, **parameters: Parameter) -> None:
    TOOLS[name] = Tool(name, description, kind, parameters)


def _text(description: str, optional: bool = False) -> Parameter:
    return Parameter(description, required=not optional)


def _number(description: str, optional: bool = False) -> Parameter:
    return Parameter(description, "integer", required=not optional)


def _one(values: str, description: str, optional: bool = False) -> Parameter:
    return Parameter(description, values=tuple(values.split()), required=not optional)


_DURATION = "How long, such as 45s, 15m or 1h30m."
_TIME = "Time of day, such as 7:30am."
_ROOM = "Room; all rooms where it is left out."

_declare("action", "set_timer", "Start a timer.", duration=_text(_DURATION))
_declare("action", "cancel_timer", "Stop the timer.")
_declare("action", "extend_timer", "Add time to the running timer.", duration=_text(_DURATION))
_declare("query", "get_timer", "Say how long the timer still runs.")
_declare("action", "set_alarm", "Set an alarm.", time=_text(_TIME),
         day=_text("Weekday or tomorrow.", True))  # fmt: skip
_declare("action", "cancel_alarm", "Delete an alarm, or all of them.", time=_text(_TIME, True))
_declare("action", "set_reminder", "Remind the user of something.", task=_text("What to do."),
         time=_text(_TIME, True), delay=_text(_DURATION, True),
         day=_text("Weekday or tomorrow.", True))  # fmt: skip
_declare("action", "set_light", "Switch, dim or colour lights.", room=_text(_ROOM, True),
         state=_one("on off", "On or off.", True),
         colour=_one("red green blue yellow white purple orange pink", "Colour.", True),
         brightness=_number("Percent.", True))  # fmt: skip
_declare("action", "set_thermostat", "Set the temperature.", degrees=_number("Degrees."),
         room=_text(_ROOM, True))  # fmt: skip
_declare("action", "change_thermostat", "Make it warmer or colder.",
         direction=_one("up down", "Up is warmer."),
         degrees=_number("By how many degrees.", True), room=_text(_ROOM, True))  # fmt: skip
_declare("action", "set_fan", "Switch a fan.", state=_one("on off low medium high", "Speed."),
         room=_text(_ROOM, True))  # fmt: skip
_declare("action", "set_door", "Open, close, lock or unlock.",
         target=_text("Door, window, gate, blinds or curtains."),
         action=_one("open close lock unlock", "What to do."), room=_text(_ROOM, True))  # fmt: skip
_declare("action", "play_music", "Play music.", query=_text("Genre or artist."),
         room=_text(_ROOM, True))  # fmt: skip
_declare("action", "control_music", "Control what plays.",
         action=_one("pause resume next previous stop shuffle restart", "What to do."))  # fmt: skip
_declare("action", "set_volume", "Set the volume.", level=_number("Percent."))
_declare("action", "change_volume", "Change the volume.",
         action=_one("up down mute unmute", "What to do."),
         amount=_number("By how many percent.", True))  # fmt: skip
_declare("action", "add_to_list", "Put things on a list.",
         list=_one("shopping todo", "Which list."),
         items=_text("Things, joined by and."))  # fmt: skip
_declare("action", "remove_from_list", "Take things off a list.",
         list=_one("shopping todo", "Which list."),
         items=_text("Things, joined by and."))  # fmt: skip
_declare("query", "read_list", "Read a list out.", list=_one("shopping todo", "Which list."))
_declare("action", "call_person", "Make a phone call.", person=_text("Whom."))
_declare("action", "hang_up", "End the phone call.")
_declare("action", "send_message", "Send a text message.", person=_text("To whom."),
         text=_text("The message.", True))  # fmt: skip
_declare("action", "order_coffee", "Order a coffee drink.", drink=_text("Drink.", True),
         size=_text("Size.", True), roast=_text("Roast.", True), shots=_text("Shots.", True),
         milk=_text("Milk and how much.", True), sugar=_text("Sugar and how much.",
         True))  # fmt: skip
_declare("action", "order_food", "Order food.", food=_text("Dish."),
         quantity=_number("How many."), size=_one("small medium large", "Size.", True),
         topping=_text("With what.", True))  # fmt: skip
_declare("action", "navigate", "Move about in an app.",
         action=_one("next back cancel stop wait continue home scroll_up scroll_down close "
                     "confirm top bottom", "Where to."))  # fmt: skip
_declare("action", "select_option", "Choose from a list.", number=_number("Which, from 1."))
_declare("action", "open_app", "Open an app or a page.", name=_text("Which."))
_declare("action", "close_app", "Close an app or a page.", name=_text("Which."))
_declare("query", "get_weather", "Look the weather up.", place=_text("City.", True),
         day=_text("Day; now where it is left out.", True))  # fmt: skip
_declare("query", "get_time", "Say what time it is.")
_declare("query", "get_date", "Say what day it is.")
_declare("query", "pick_random", "Toss, roll or draw.", of=_text("coin, dice or number."))

_declare("query", "calculate", "Work an expression out.",
         expression=_text("Digits and + - * / %, such as 3+4*2."))  # fmt: skip
_declare("query", "compare_numbers", "Compare expressions.",
         numbers=_text("Expressions, separated by spaces."),
         order=_one("largest smallest", "Which one is asked for."))  # fmt: skip
_declare("query", "check_number", "Say whether a number is something.",
         number=_number("The number."),
         is_=_one("even odd more less", "What it may be."),
         than=_number("Compared with.", True))  # fmt: skip
_declare("query", "sort_numbers", "Sort numbers.", numbers=_text("Separated by spaces."),
         order=_one("up down", "Up: smallest first."))  # fmt: skip
_declare("query", "average_numbers", "Take the mean.", numbers=_text("Separated by spaces."))
_declare("query", "next_in_sequence", "Continue a sequence.",
         numbers=_text("Separated by spaces."))  # fmt: skip
_declare("query", "count_numbers", "Count aloud.", start=_number("First."), end=_number("Last."),
         step=_number("Distance.", True))  # fmt: skip
_declare("query", "say_digits", "Repeat digits.", digits=_text("The digits."))
_declare("query", "convert_unit", "Convert a measure.", value=_text("Number and unit."),
         to=_text("Unit wanted."))  # fmt: skip
_declare("query", "shift_time", "Add to a clock time.", time=_text(_TIME),
         by=_text("Duration with its sign, such as +3h."))  # fmt: skip
_declare("query", "time_between", "How long it is between two times.", start=_text(_TIME),
         end=_text(_TIME))  # fmt: skip
_declare("query", "shift_day", "Add days to a weekday.", day=_text("Weekday."),
         by=_number("Days with sign."))  # fmt: skip
_declare("query", "days_between", "Days from one weekday to the next other one.",
         start=_text("Weekday."), end=_text("Weekday."))  # fmt: skip
_declare("query", "shift_date", "Add days to a date.", date=_text("Such as march 28."),
         by=_number("Days with sign."))  # fmt: skip
_declare("query", "shift_month", "Add months to a month.", month=_text("Month."),
         by=_number("Months with sign."))  # fmt: skip
_declare("query", "get_month", "Name the n-th month, or number a month.",
         month=_text("Number or name."))  # fmt: skip
_declare("query", "days_in_month", "Length of a month.", month=_text("Month."))
_declare("query", "spell_word", "Spell a word.", word=_text("The word."),
         order=_one("forwards backwards", "Direction.", True))  # fmt: skip
_declare("query", "count_letters", "Count letters.", word=_text("The word."),
         letter=_text("Only this one.", True))  # fmt: skip
_declare("query", "find_letter", "Name a letter of a word.", word=_text("The word."),
         position=_text("Number from 1, or last."))  # fmt: skip
_declare("query", "look_up", "Know a small fact.",
         topic=_one("capital country opposite legs cry colour young general", "What about."),
         of=_text("Of what."))  # fmt: skip

_declare("own", "greet", "Return a greeting.", time=_text("Part of the day.", True))
_declare("own", "small_talk", "Be polite.",
         topic=_one("how_are_you thanks bye sorry praise joke name abilities robot age maker "
                    "hearing feelings language", "About what."))  # fmt: skip
_declare("own", "reply", "Take a reply.", value=_one("yes no okay maybe", "Which."))
_declare("own", "set_speech", "Change how nano speaks.",
         action=_one("slower faster louder quieter", "How."))  # fmt: skip
_declare(
    "own",
    "listen",
    "Answer from the sound.",
    to=_text("About what."),
    which=_text("Which of them.", True),
    sounds=_text("Sounds compared.", True),
)
_declare("own", "repeat_after", "Say the user's words.")
_declare("own", "repeat_answer", "Say the last answer again.")
_declare("own", "recall", "Say what the user said before.")
_declare("own", "explain", "Say why the last answer is so.")
_declare("own", "translate", "Speak another language.", language=_text("Which."))
_declare("own", "clarify", "Ask what is meant.", missing=_text("Parameter.", True))
_declare("own", "unfinished", "The user was cut mid-way: ask for the rest.")
_declare("own", "unknown", "Outside what nano can do.")


def _key(parameter: str) -> str:
    """``is_`` in Python is ``is`` in a call."""
    return parameter.rstrip("_")


def call(name: str, /, **values: object) -> str:
    """Write a call; parameters that are None or empty are left out."""
    given = ", ".join(
        f"{_key(key)}={value}" for key, value in values.items() if value not in (None, "")
    )
    return f"{name}({given})"


_CALL = re.compile(r"([a-z][a-z_]*)\(([^()]*)\)")


def parse_call(text: str) -> tuple[str, dict[str, str]] | None:
    """``set_timer(duration=15m)`` → ("set_timer", {"duration": "15m"}); None where it is none."""
    match = _CALL.fullmatch(text.strip())
    if match is None:
        return None
    values: dict[str, str] = {}
    for part in filter(None, match[2].split(", ")):
        key, equals, value = part.partition("=")
        if not equals or not value or key in values or not re.fullmatch(r"[a-z_]+", key):
            return None
        values[key] = value
    return match[1], values


def problem(text: str) -> str | None:
    """What is wrong with a call, held to its declaration; None where nothing is."""
    parsed = parse_call(text)
    if parsed is None:
        return f"expected name(key=value), got {text!r}"
    name, values = parsed
    if name not in TOOLS:
        return f"{name} is not declared"
    parameters = {_key(key): value for key, value in TOOLS[name].parameters.items()}
    for key, value in values.items():
        if key not in parameters:
            return f"{name} has no parameter {key}"
        parameter = parameters[key]
        if parameter.values and value not in parameter.values:
            return f"{name}: {key}={value} is not among {parameter.values}"
        if parameter.type == "integer" and not re.fullmatch(r"-?\d+", value):
            return f"{name}: {key}={value} is not an integer"
    missing = [k for k, p in parameters.items() if p.required and k not in values]
    return f"{name} lacks {missing}" if missing else None


def declarations() -> list[dict[str, Any]]:
    """JSON-ready, each in the form that chat interfaces use for functions, plus ``kind``."""
    made = []
    for tool in TOOLS.values():
        properties: dict[str, Any] = {}
        for key, parameter in tool.parameters.items():
            properties[_key(key)] = {"type": parameter.type, "description": parameter.description}
            if parameter.values:
                properties[_key(key)]["enum"] = list(parameter.values)
        required = [_key(key) for key, parameter in tool.parameters.items() if parameter.required]
        schema = {"type": "object", "properties": properties, "required": required}
        made.append({"name": tool.name, "description": tool.description, "kind": tool.kind,
                     "parameters": schema})  # fmt: skip
    return made
