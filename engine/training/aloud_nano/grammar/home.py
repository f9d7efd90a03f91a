"""Time keeping and the house: timers, alarms, reminders, lights, heat, fans, doors, blinds."""

from __future__ import annotations

import random

from aloud_nano.grammar.item import proper, your
from aloud_nano.grammar.numbers import (
    clock,
    clock_words,
    draw,
    duration,
    duration_words,
    plural,
    said,
    words,
)
from aloud_nano.grammar.skill import Act, Change, Skill, Slots, command, fixed, please
from aloud_nano.grammar.tools import call

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


def _change_duration(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    """Another duration; often only the number, and the unit stays."""
    old = slots["duration"]
    unit = old[-1]
    steps = ()
    if old[:-1].isdigit() and rng.random() < 0.6:
        number = draw(rng, 2, 12 if unit == "h" else 59, 0.4)
        new, spoken = f"{number}{unit}", words(number)
    else:
        span = duration(rng)
        new, spoken, steps = span.compact, span.said, span.steps
    changed = {**slots, "duration": new, "said": "", "steps": steps}
    return rng.choice(MAKE_IT).format(spoken), changed


def _draw_duration(rng: random.Random) -> Slots:
    span = duration(rng)
    return {"duration": span.compact, "said": span.said, "steps": span.steps}


def _say_timer(rng: random.Random, slots: Slots) -> str:
    spoken = slots["said"] or duration_words(slots["duration"])
    verbs = ["set a timer for {d}", "set a timer for {d}", "set timer for {d}",
             "start a timer for {d}", "count down {d}", "time {d}", "give me a timer for {d}",
             "put a timer on for {d}", "set the timer to {d}",
             "start the timer for {d}"]  # fmt: skip
    elided = ["timer for {d}", "timer {d}", "a timer for {d}",
              "i need a timer for {d}", "new timer {d}"]  # fmt: skip
    if slots["duration"][:-1].isdigit() and spoken[0] not in "ath" and spoken.count(" ") < 3:
        single = spoken.removesuffix("s")
        a = "an" if single[0] == "e" else "a"
        verbs += [f"set {a} {single} timer", f"start {a} {single} timer"]
        elided += [f"{single} timer"]
    return command(rng, verbs, elided, d=spoken)


def _timer(slots: Slots) -> Act:
    spoken = duration_words(slots["duration"])
    return call("set_timer", duration=slots["duration"]), f"Timer set for {spoken}.", slots["steps"]


timer = Skill(_draw_duration, _say_timer, _timer, (_change_duration,))


def _say_extend(rng: random.Random, slots: Slots) -> str:
    spoken = slots["said"] or duration_words(slots["duration"])
    return command(
        rng,
        ["add {d} to the timer", "add {d} to my timer", "give the timer {d} more",
         "extend the timer by {d}", "make the timer {d} longer", "put {d} more on the timer"],
        ["{d} more on the timer", "another {d} on the timer"],
        d=spoken,
    )  # fmt: skip


def _extend(slots: Slots) -> Act:
    spoken = duration_words(slots["duration"])
    answer = f"Added {spoken} to the timer."
    return call("extend_timer", duration=slots["duration"]), answer, slots["steps"]


timer_add = Skill(_draw_duration, _say_extend, _extend, (_change_duration,))
timer_cancel = fixed(
    [("cancel_timer()", "Timer cancelled.",
      ["cancel the timer", "stop the timer", "cancel my timer", "stop my timer", "end the timer",
       "turn off the timer", "turn the timer off", "delete the timer", "clear the timer",
       "get rid of the timer", "kill the timer"])],
    please,
)  # fmt: skip
timer_left = fixed(
    [("get_timer()", "I can't see your timer from here.",
      ["how much time is left on the timer", "how much time is left", "how long is left",
       "how long does the timer have", "what's left on the timer", "check the timer",
       "how many minutes are left on my timer", "how long until the timer goes off",
       "how's my timer doing", "time left on the timer", "when does the timer end"])]
)  # fmt: skip


def _draw_alarm(rng: random.Random) -> Slots:
    time = clock(rng)
    day = rng.choice(["", "", "", "tomorrow", *DAYS]) if rng.random() < 0.7 else ""
    return {"time": time.compact, "said": time.said, "day": day, "steps": time.steps}


def _on(day: str) -> str:
    return "" if not day else " tomorrow" if day == "tomorrow" else f" on {day}"


def _say_alarm(rng: random.Random, slots: Slots) -> str:
    return command(
        rng,
        ["wake me up at {t}{w}", "wake me at {t}{w}", "set an alarm for {t}{w}",
         "set an alarm at {t}{w}", "set my alarm for {t}{w}", "set the alarm to {t}{w}",
         "get me up at {t}{w}", "set an alarm{w} at {t}", "wake me up{w} at {t}",
         "make an alarm for {t}{w}"],
        ["alarm at {t}{w}", "alarm for {t}{w}", "i have to get up at {t}{w}",
         "i need an alarm for {t}{w}", "i want to wake up at {t}{w}"],
        t=slots["said"] or clock_words(slots["time"]), w=_on(slots["day"]),
    )  # fmt: skip


def _alarm(slots: Slots) -> Act:
    answer = f"Alarm set for {clock_words(slots['time'])}{_on(slots['day'])}."
    return call("set_alarm", time=slots["time"], day=slots["day"]), proper(answer), slots["steps"]


def _change_time(rng: random.Random, slots: Slots) -> tuple[str, Slots] | None:
    if not slots.get("time"):
        return None
    time = clock(rng)
    changed = {**slots, "time": time.compact, "said": time.said, "steps": time.steps}
    return rng.choice(MAKE_IT).format(time.said), changed


def _change_day(rng: random.Random, slots: Slots) -> tuple[str, Slots] | None:
    day = other(rng, ["tomorrow", *DAYS], slots["day"])
    text = rng.choice(["and{}", "what about{}", "no{}", "also{}", "and the same{}", "i meant{}",
                       "make it{}", "actually{}"])  # fmt: skip
    return text.format(_on(day)), {**slots, "day": day}


alarm = Skill(_draw_alarm, _say_alarm, _alarm, (_change_time, _change_day))


def _draw_time(rng: random.Random) -> Slots:
    time = clock(rng)
    return {"time": time.compact, "said": time.said, "steps": time.steps}


alarm_cancel = Skill(
    _draw_time,
    lambda rng, slots: command(
        rng,
        ["cancel my {t} alarm", "cancel the alarm for {t}", "turn off the {t} alarm",
         "delete the alarm at {t}", "remove my {t} alarm", "turn off the alarm at {t}",
         "cancel the alarm at {t}", "switch off my alarm for {t}"],
        t=slots["said"] or clock_words(slots["time"]),
    ),
    lambda slots: (call("cancel_alarm", time=slots["time"]),
                   f"The {clock_words(slots['time'])} alarm is cancelled.", slots["steps"]),
    (_change_time,),
)  # fmt: skip
alarm_off = fixed(
    [("cancel_alarm()", "Alarm cancelled.",
      ["cancel the alarm", "cancel my alarm", "turn off the alarm", "stop the alarm",
       "turn the alarm off", "delete my alarm", "cancel all alarms", "switch off the alarm",
       "no alarm"])],
    please,
)  # fmt: skip


def _draw_reminder(rng: random.Random) -> Slots:
    task = rng.choice(TASKS)
    if rng.random() < 0.3:
        task = rng.choice(PERSON_TASKS).format(p=rng.choice(PEOPLE))
    slots: Slots = {"task": task, "time": "", "delay": "", "day": ""}
    if rng.random() < 0.45:
        span = duration(rng)
        return {**slots, "delay": span.compact, "said": span.said, "steps": span.steps}
    if rng.random() < 0.25:
        return {**slots, "day": rng.choice(["tomorrow", *DAYS]), "said": "", "steps": ()}
    time = clock(rng)
    day = rng.choice(["tomorrow", *DAYS]) if rng.random() < 0.25 else ""
    return {**slots, "time": time.compact, "day": day, "said": time.said, "steps": time.steps}


def _say_reminder(rng: random.Random, slots: Slots) -> str:
    when = ""
    if slots["delay"]:
        when = f"in {slots['said'] or duration_words(slots['delay'])}"
    elif slots["time"]:
        when = f"at {slots['said'] or clock_words(slots['time'])}"
    return command(
        rng,
        ["remind me to {k} {w}{d}", "remind me to {k} {w}{d}", "set a reminder to {k} {w}{d}",
         "remind me {w}{d} to {k}", "don't let me forget to {k} {w}{d}",
         "make a reminder to {k} {w}{d}", "set a reminder {w}{d} to {k}",
         "remind me{d} {w} to {k}"],
        ["reminder to {k} {w}{d}", "reminder {w}{d} {k}", "i have to {k} {w}{d} remind me"],
        k=slots["task"], w=when, d=_on(slots["day"]),
    )  # fmt: skip


def _reminder(slots: Slots) -> Act:
    when = f" in {duration_words(slots['delay'])}" if slots["delay"] else ""
    when = f" at {clock_words(slots['time'])}" if slots["time"] else when
    answer = proper(f"I will remind you{when}{_on(slots['day'])} to {your(slots['task'])}.")
    made = call("set_reminder", task=slots["task"], time=slots["time"], delay=slots["delay"],
                day=slots["day"])  # fmt: skip
    return made, answer, slots["steps"]


def _change_delay(rng: random.Random, slots: Slots) -> tuple[str, Slots] | None:
    if not slots["delay"]:
        return None
    span = duration(rng)
    changed = {**slots, "delay": span.compact, "said": span.said, "steps": span.steps}
    return rng.choice(MAKE_IT).format(rng.choice(["", "in "]) + span.said), changed


def _change_task(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    task = other(rng, TASKS, slots["task"])
    text = rng.choice(["and to {}", "and also to {}", "no to {}", "also to {}"])
    return text.format(task), {**slots, "task": task}


remind = Skill(
    _draw_reminder, _say_reminder, _reminder,
    (_change_time, _change_delay, _change_task),
)  # fmt: skip


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


def change_number(slot: str, low: int, high: int, unit: str = "") -> Change:
    """Another number for one slot, with or without its unit."""

    def change(rng: random.Random, slots: Slots) -> tuple[str, Slots] | None:
        number = draw(rng, low, high, 0.5)
        if number == slots[slot]:
            return None
        spoken = words(number) + (f" {unit}" if unit and rng.random() < 0.4 else "")
        return rng.choice(MAKE_IT).format(spoken), {**slots, slot: number}

    return change


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
        r=slots["room"], v=said(rng, slots["level"]), n=rng.choice(["lights", "lights", "light"]),
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
        d=words(slots["degrees"]), p=place(slots["room"]), r=slots["room"],
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

clock_now = fixed(
    [("get_time()", "I have no clock here, so I can't tell the time.",
      ["what time is it", "what's the time", "do you know what time it is", "time please",
       "tell me the time", "what is the time", "what time is it now", "how late is it"]),
     ("get_date()", "I have no calendar here, so I can't tell the date.",
      ["what day is it today", "what day is today", "what's the date", "what is the date today",
       "what is today's date", "tell me the date", "which day is it", "what day is it"])]
)  # fmt: skip
