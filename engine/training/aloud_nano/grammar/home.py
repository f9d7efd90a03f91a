"""The house: lights, heat, fans, doors, blinds."""

from __future__ import annotations

import random

from aloud_nano.grammar.numbers import draw, plural, said, words
from aloud_nano.grammar.skill import Act, Skill, Slots, command
from aloud_nano.grammar.slots import (
    COLORS,
    MAKE_IT,
    ROOMS,
    change_number,
    change_room,
    change_to,
    other,
    place,
    slip,
)
from aloud_nano.grammar.tools import call


def _draw_light(rng: random.Random) -> Slots:
    room = rng.choice(ROOMS) if rng.random() < 0.85 else ""
    return {"room": room, "state": rng.choice(["on", "off"])}


def _say_light(rng: random.Random, slots: Slots) -> str:
    verbs = ["turn {s} the {r} {n}", "turn {s} the {r} {n}", "turn the {r} {n} {s}",
             "switch {s} the {r} {n}", "switch the {r} {n} {s}", "put the {r} {n} {s}",
             "turn {s} the {n}{p}", "turn the {n} {s}{p}", "switch {s} the {n}{p}"]  # fmt: skip
    if slots["state"] == "off":
        verbs += ["kill the {r} {n}", "shut off the {r} {n}"]
    return command(
        rng, verbs, ["{r} {n} {s}", "{n} {s}{p}"], s=slots["state"], r=slots["room"],
        n=rng.choice(["lights", "lights", "light", "lamp"]), p=place(slots["room"]),
    )  # fmt: skip


def _where(slots: Slots) -> str:
    return f"{slots['room']} lights" if slots["room"] else "lights"


def _change_state(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    state = "off" if slots["state"] == "on" else "on"
    text = rng.choice(["turn them {}", "turn them {} again", "now {}", "no {}", "and now {} again",
                       "switch them {}", "turn it {} again", "actually {}"])  # fmt: skip
    return text.format(state), {**slots, "state": state}


lights = Skill(
    _draw_light, _say_light,
    lambda slots: (call("set_light", room=slots["room"], state=slots["state"]),
                   f"The {_where(slots)} are {slots['state']}.", ()),
    (change_room, _change_state),
)  # fmt: skip


def _change_colour(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    colour = other(rng, COLORS, slots["colour"])
    text = rng.choice([*MAKE_IT, "now {}", "and now {}", "make them {}", "what about {}"])
    return text.format(colour), {**slots, "colour": colour}


light_colour = Skill(
    lambda rng: {"room": rng.choice([*ROOMS, *ROOMS, "", ""]), "colour": rng.choice(COLORS)},
    lambda rng, slots: command(
        rng,
        ["make the {r} {n} {c}", "set the {r} {n} to {c}", "turn the {r} {n} {c}",
         "change the {r} {n} to {c}", "make the {n}{p} {c}", "set the {n}{p} to {c}",
         "switch the {r} {n} to {c}"],
        ["{r} {n} {c}", "i want {c} {n}{p}", "{c} {n}{p}", "i'd like the {r} {n} {c}"],
        r=slots["room"], c=slots["colour"], n=rng.choice(["lights", "lights", "light", "lamp"]),
        p=place(slots["room"]),
    ),
    lambda slots: (call("set_light", room=slots["room"], colour=slots["colour"]),
                   f"The {_where(slots)} are {slots['colour']}.", ()),
    (change_room, _change_colour),
)  # fmt: skip


def _level(rng: random.Random) -> int:
    if rng.random() < 0.5:
        return rng.choice(range(5, 101, 5))
    return draw(rng, 1, 100, 0.6)


light_level = Skill(
    lambda rng: {"room": rng.choice([*ROOMS, "", ""]), "level": _level(rng)},
    lambda rng, slots: command(
        rng,
        ["dim the {r} {n} to {v} percent", "set the {r} {n} to {v} percent",
         "set the {r} {n} to {v}", "put the {r} {n} at {v} percent",
         "dim the {n}{p} to {v} percent",
         "make the {r} {n} {v} percent", "set the brightness{p} to {v} percent",
         "turn the {r} {n} down to {v} percent", "turn the {r} {n} up to {v} percent"],
        ["{r} {n} to {v} percent", "{r} {n} at {v} percent", "brightness {v} percent{p}"],
        r=slots["room"], v=slip(rng, said(rng, slots["level"]), words(draw(rng, 1, 99))),
        n=rng.choice(["lights", "lights", "light"]),
        p=place(slots["room"]),
    ),
    lambda slots: (call("set_light", room=slots["room"], brightness=slots["level"]),
                   f"The {_where(slots)} are at {words(slots['level'])} percent.", ()),
    (change_room, change_number("level", 1, 100, "percent")),
)  # fmt: skip


def _draw_thermostat(rng: random.Random) -> Slots:
    degrees = draw(rng, 10, 30) if rng.random() < 0.7 else draw(rng, 55, 85)
    return {"degrees": degrees, "room": rng.choice(ROOMS) if rng.random() < 0.5 else ""}


thermostat = Skill(
    _draw_thermostat,
    lambda rng, slots: command(
        rng,
        ["set the temperature to {d} degrees{p}", "set the temperature{p} to {d}",
         "set the thermostat to {d}{p}", "set the thermostat{p} to {d} degrees",
         "make it {d} degrees{p}", "change the temperature to {d} degrees{p}",
         "heat to {d} degrees{p}", "turn the heating{p} to {d} degrees", "set the heat to {d}{p}",
         "put the heating on {d}{p}", "heat the {r} to {d} degrees", "cool the {r} to {d} degrees"]
        [:12 if slots["room"] else 10],
        ["temperature {d}{p}", "thermostat to {d}{p}", "i want {d} degrees{p}", "{d} degrees{p}"],
        d=slip(rng, words(slots["degrees"]), words(draw(rng, 10, 30))),
        p=place(slots["room"]), r=slots["room"],
    ),
    lambda slots: (call("set_thermostat", degrees=slots["degrees"], room=slots["room"]),
                   f"Temperature set to {words(slots['degrees'])} degrees{place(slots['room'])}.",
                   ()),
    (change_room, change_number("degrees", 13, 30, "degrees")),
)  # fmt: skip


def _say_warmer(rng: random.Random, slots: Slots) -> str:
    up = slots["direction"] == "up"
    comparative = "warmer" if up else rng.choice(["colder", "cooler"])
    by, room = slots["degrees"], place(slots["room"])
    if by:
        return command(
            rng,
            ["make it {b} {c}{p}", "turn the heating {w} {b}{p}", "turn it {w} by {b}{p}",
             "turn the temperature {w} by {b}{p}"],
            ["{b} {c}{p}"], b=plural(by, "degree"), c=comparative, p=room, w=slots["direction"],
        )  # fmt: skip
    return command(
        rng,
        ["make it {c}{p}", "make it a bit {c}{p}", "turn the heating {w}{p}",
         "turn {w} the heat{p}", "turn the temperature {w}{p}", "make it a little {c}{p}"],
        ["it is too {t}{p}", "it's too {t}{p}", "i'm {t}" if not room else "{c}{p}",
         "a bit {c}{p}"],
        c=comparative, p=room, w=slots["direction"],
        t="cold" if up else rng.choice(["hot", "warm"]),
    )  # fmt: skip


def _warmer(slots: Slots) -> Act:
    by = f"{plural(slots['degrees'], 'degree')} " if slots["degrees"] else ""
    comparative = "warmer" if slots["direction"] == "up" else "cooler"
    made = call("change_thermostat", direction=slots["direction"], degrees=slots["degrees"],
                room=slots["room"])  # fmt: skip
    return made, f"Making it {by}{comparative}{place(slots['room'])}.", ()


warmer = Skill(
    lambda rng: {"direction": rng.choice(["up", "down"]), "room": rng.choice([*ROOMS, "", "", ""]),
                 "degrees": rng.randint(1, 6) if rng.random() < 0.5 else None},
    _say_warmer, _warmer, (change_room,),
)  # fmt: skip

_SPEEDS = ["on", "off", "low", "medium", "high"]
fan = Skill(
    lambda rng: {"state": rng.choice(_SPEEDS), "room": rng.choice([*ROOMS, "", "", ""])},
    lambda rng, slots: command(
        rng,
        ["turn {s} the {r} fan", "turn the {r} fan {s}", "switch the {r} fan {s}",
         "switch {s} the fan{p}", "turn {s} the fan{p}"]
        if slots["state"] in ("on", "off") else
        ["set the {r} fan to {s}", "put the {r} fan on {s}", "turn the {r} fan to {s}",
         "set the fan{p} to {s}"],
        ["{r} fan {s}", "fan {s}{p}"], s=slots["state"], r=slots["room"], p=place(slots["room"]),
    ),
    lambda slots: (call("set_fan", state=slots["state"], room=slots["room"]),
                   f"The {slots['room'] + ' ' if slots['room'] else ''}fan is "
                   f"{'on ' if slots['state'] not in ('on', 'off') else ''}{slots['state']}.", ()),
    (change_room, change_to("state", ["low", "medium", "high"])),
)  # fmt: skip

_PAIRS = {"front door": "back door", "back door": "front door", "left window": "right window",
          "right window": "left window", "left garage door": "right garage door",
          "right garage door": "left garage door"}  # fmt: skip
_THINGS = [
    "door", "front door", "back door", "garage door", "window", "gate", "left window",
    "right window", "garage", "side door", "cellar door", "balcony door", "main gate",
    "left garage door", "right garage door",
]  # fmt: skip


def _draw_door(rng: random.Random) -> Slots:
    thing = rng.choice(_THINGS)
    lockable = "door" in thing or "gate" in thing
    return {"target": thing,
            "action": rng.choice(["open", "close", *(["lock",
            "unlock"] if lockable else [])])}  # fmt: skip


def _door(slots: Slots) -> Act:
    done = {"open": "opening", "close": "closing", "lock": "locking", "unlock": "unlocking"}
    answer = f"Okay, {done[slots['action']]} the {slots['target']}."
    return call("set_door", target=slots["target"], action=slots["action"]), answer, ()


def _other_door(rng: random.Random, slots: Slots) -> tuple[str, Slots] | None:
    if slots["target"] not in _PAIRS:
        return None
    text = rng.choice(["the other one", "no the other one", "and the other one",
    "now the other one",
                       "the other one too", "i meant the other one"])  # fmt: skip
    return text, {**slots, "target": _PAIRS[slots["target"]]}


def _change_door(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    thing = other(rng, [t for t in _THINGS if "door" in t], slots["target"])
    text = rng.choice(["and the {}", "the {} too", "no the {}", "i meant the {}", "also the {}"])
    return text.format(thing), {**slots, "target": thing}


def _reverse_door(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    pairs = {"open": "close", "close": "open", "lock": "unlock", "unlock": "lock"}
    action = pairs[slots["action"]]
    text = rng.choice(["{} it", "{} it again", "now {} it", "no {} it", "and now {} it again"])
    return text.format(action), {**slots, "action": action}


door = Skill(
    _draw_door,
    lambda rng, slots: command(
        rng,
        [v + " the {t}" for v in {"close": ["close", "close", "shut"]}.get(
            slots["action"], [slots["action"]])],
        ["the {t} {a}", "{a} {t}"], t=slots["target"], a=slots["action"],
    ),
    _door,
    (_other_door, _other_door, _change_door, _reverse_door),
)  # fmt: skip

blinds = Skill(
    lambda rng: {"target": rng.choice(["blinds", "curtains", "shades", "shutters"]),
                 "action": rng.choice(["open", "close"]),
                 "room": rng.choice([*ROOMS, "", "", "", "", ""])},
    lambda rng, slots: command(
        rng,
        ["{a} the {r} {t}", "{a} the {t}{p}",
         ("raise the {r} {t}" if slots["action"] == "open" else "lower the {r} {t}"),
         ("pull up the {t}{p}" if slots["action"] == "open" else "pull down the {t}{p}")],
        ["{r} {t} {a}", "{a} {r} {t}"],
        a=slots["action"], t=slots["target"], r=slots["room"], p=place(slots["room"]),
    ),
    lambda slots: (call("set_door", target=slots["target"], action=slots["action"],
                        room=slots["room"]),
                   f"Okay, {'opening' if slots['action'] == 'open' else 'closing'} the "
                   f"{slots['room'] + ' ' if slots['room'] else ''}{slots['target']}.", ()),
    (change_room, _reverse_door),
)  # fmt: skip
