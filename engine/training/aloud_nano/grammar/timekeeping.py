"""Timers, alarms, reminders, and the clock that nano does not have."""

from __future__ import annotations

import random

from aloud_nano.grammar.item import proper, your
from aloud_nano.grammar.numbers import clock, clock_words, draw, duration, duration_words, words
from aloud_nano.grammar.skill import Act, Skill, Slots, command, fixed, please
from aloud_nano.grammar.slots import DAYS, MAKE_IT, PEOPLE, PERSON_TASKS, TASKS, other, slip
from aloud_nano.grammar.tools import call


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
    return command(rng, verbs, elided, d=slip(rng, spoken, words(draw(rng, 2, 59))))


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


clock_now = fixed(
    [("get_time()", "I have no clock here, so I can't tell the time.",
      ["what time is it", "what's the time", "do you know what time it is", "time please",
       "tell me the time", "what is the time", "what time is it now", "how late is it"]),
     ("get_date()", "I have no calendar here, so I can't tell the date.",
      ["what day is it today", "what day is today", "what's the date", "what is the date today",
       "what is today's date", "tell me the date", "which day is it", "what day is it"])]
)  # fmt: skip
