"""Clock, weekday, date and month arithmetic; wrapping around is written out."""

from __future__ import annotations

import random

from aloud_nano.grammar.item import Item, capital
from aloud_nano.grammar.numbers import ORDINALS, clock_words, draw, ordinal, plural, words
from aloud_nano.grammar.skill import Act, Skill, Slots, fixed, question
from aloud_nano.grammar.slots import DAYS, other
from aloud_nano.grammar.tools import call

MONTHS = (
    "january february march april may june july august september october november december"
).split()
LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def half_day(hour: int) -> tuple[int, str]:
    """14 → (2, "pm")."""
    return (hour - 1) % 12 + 1, "am" if hour < 12 else "pm"


def compact(minutes: int) -> str:
    """Minutes after midnight → "7:30am"."""
    hour, half = half_day(minutes // 60 % 24)
    return f"{hour}:{minutes % 60:02d}{half}"


def short(minutes: int) -> str:
    """ "7 pm" or "7:30 pm"."""
    hour, half = half_day(minutes // 60 % 24)
    return f"{hour} {half}" if minutes % 60 == 0 else f"{hour}:{minutes % 60:02d} {half}"


def _span(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours}h{rest}m" if hours and rest else f"{hours}h" if hours else f"{rest}m"


def _span_words(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    parts = [plural(hours, "hour")] * (hours > 0) + [plural(rest, "minute")] * (rest > 0)
    return " and ".join(parts)


def shift_steps(start: int, shift: int, style: float) -> tuple[str, ...]:
    """On the 12-hour clock directly, or through the 24-hour clock with every wrap."""
    end = (start + shift) % 1440
    sign, size = ("+" if shift > 0 else "-"), abs(shift)
    if start % 60 == 0 and size % 60 == 0:
        if style < 0.35:
            return (f"{short(start)} {sign} {size // 60} h = {short(end)}",)
        hour, by = start // 60, size // 60
        total = hour + by if shift > 0 else hour - by
        steps = [f"{short(start)} = {hour} h", f"{hour} {sign} {by} = {total}"]
        if total >= 24:
            steps.append(f"{total} - 24 = {total - 24}")
        elif total < 0:
            steps.append(f"{total} + 24 = {total + 24}")
        return (*steps, f"{end // 60} h = {short(end)}")
    hours, minutes = size // 60 * 60, size % 60
    steps, now = [], start
    if hours:
        now = (now + (hours if shift > 0 else -hours)) % 1440
        steps.append(f"{short(start)} {sign} {hours // 60} h = {short(now)}")
    if minutes:
        over = now % 60 + minutes if shift > 0 else now % 60 - minutes
        if over >= 60 and style > 0.3:
            steps += [f"{now % 60} + {minutes} = {over}", f"{over} - 60 = {over - 60}"]
        elif over < 0 and style > 0.3:
            steps += [f"{now % 60} - {minutes} = {over}", f"60 - {-over} = {over + 60}"]
        steps.append(f"{short(now)} {sign} {minutes} min = {short(end)}")
    return tuple(steps)


def _draw_shift(rng: random.Random) -> Slots:
    start = rng.randrange(24) * 60
    if rng.random() < 0.45:
        shift = 60 * rng.randint(1, 11)
    else:
        start += rng.choice([0, 15, 30, 45, 10, 20, 50])
        shift = rng.choice([15, 20, 30, 45, 50, 75, 90, 105, 150, 10, 25, 40, 60, 120, 180, 200])
    shift = shift if rng.random() < 0.65 else -shift
    return {"start": start, "shift": shift, "style": rng.random()}


def _say_shift(rng: random.Random, slots: Slots) -> str:
    start, shift = clock_words(compact(slots["start"])), slots["shift"]
    if shift > 0:
        templates = ["what time is it {s} after {t}", "what is {t} plus {s}",
        "what's {s} after {t}",
                     "what time is {s} after {t}", "it is {t} what time is it in {s}",
                     "if it is {t} now what time will it be in {s}", "{s} after {t} is what time",
                     "my train leaves at {t} and takes {s} when do i arrive",
                     "the movie starts at {t} and takes {s} when does it end"]  # fmt: skip
    else:
        templates = ["what time is it {s} before {t}", "what is {t} minus {s}",
                     "what's {s} before {t}", "what time is {s} before {t}",
                     "it is {t} what time was it {s} ago", "{s} before {t} is what time",
                     "i must be there at {t} and need {s} when do i have to leave"]  # fmt: skip
    return question(rng, templates, t=start, s=_span_words(abs(shift)))


def _shift(slots: Slots) -> Act:
    start, shift = slots["start"], slots["shift"]
    end = compact((start + shift) % 1440)
    made = call("shift_time", time=compact(start),
                by=f"{'+' if shift > 0 else '-'}{_span(abs(shift))}")  # fmt: skip
    return made, f"It is {clock_words(end)}.", shift_steps(start, shift, slots["style"])


def _shift_again(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    shift = rng.choice([1, 1, -1]) * rng.choice([30, 60, 120, 180, 240, 15, 45])
    start = (slots["start"] + slots["shift"]) % 1440
    side = "after that" if shift > 0 else "before that"
    text = rng.choice(["and {s} {d}", "and {s} {l}", "what about {s} {d}", "and {s} {d}"])
    text = text.format(s=_span_words(abs(shift)), d=side, l="later" if shift > 0 else "earlier")
    return text, {**slots, "start": start, "shift": shift}


def _shift_other(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    shift = slots["shift"]
    while shift == slots["shift"]:
        shift = rng.choice([1, -1]) * rng.choice([30, 60, 120, 180, 240, 300, 90])
    text = f"no i meant {_span_words(abs(shift))} {'after' if shift > 0 else 'before'}"
    return text, {**slots, "shift": shift}


clock_shift = Skill(_draw_shift, _say_shift, _shift, (_shift_again, _shift_other))


def elapsed(rng: random.Random) -> Item:
    """Full hours first, then the minutes."""
    start = rng.randrange(0, 1380, 15)
    length = rng.choice([60 * rng.randint(1, 10), rng.randrange(15, 600, 15)])
    end = (start + length) % 1440
    text = question(
        rng,
        ["how long is it from {a} to {b}", "how much time is between {a} and {b}",
         "how many hours are between {a} and {b}" if length % 60 == 0 else
         "how long is it from {a} until {b}",
         "the movie starts at {a} and ends at {b} how long is it",
         "i work from {a} to {b} how long is that", "i slept from {a} to {b} how long did i sleep"],
        a=clock_words(compact(start)), b=clock_words(compact(end)),
    )  # fmt: skip
    hours, rest = divmod(length, 60)
    steps = []
    between = (start + hours * 60) % 1440
    if hours:
        steps.append(f"{short(start)} to {short(between)} = {hours} h")
    if rest:
        steps.append(f"{short(between)} to {short(end)} = {rest} min")
    made = call("time_between", start=compact(start), end=compact(end))
    return Item(text, made, f"That is {_span_words(length)}.", steps=tuple(steps))


def day_steps(start: int, shift: int, style: float) -> tuple[str, ...]:
    """The rest by seven is added to the weekday: by numbers, by walking, or at once."""
    sign, size = ("+" if shift > 0 else "-"), abs(shift)
    steps: list[str] = []
    rest = size
    if size >= 7:
        rest = size % 7
        weeks = size // 7
        steps = [f"{size} mod 7 = {rest}"]
        if style < 0.5:
            steps = [f"{weeks} * 7 = {weeks * 7}", f"{size} - {weeks * 7} = {rest}"]
    end = DAYS[(start + shift) % 7]
    if rest == 0:
        return (*steps, f"{DAYS[start]} {sign} 0 = {end}")
    if style % 0.5 < 0.2:
        return (*steps, f"{DAYS[start]} {sign} {rest} = {end}")
    if style % 0.5 < 0.38 and rest > 1:
        direction = 1 if shift > 0 else -1
        walked = " ".join(f"{DAYS[(start + direction * i) % 7]} {i}" for i in range(1, rest + 1))
        return (*steps, walked)
    number = start + 1
    total = number + rest if shift > 0 else number - rest
    steps += [f"{DAYS[start]} = {number}", f"{number} {sign} {rest} = {total}"]
    if total > 7:
        steps.append(f"{total} - 7 = {total - 7}")
    elif total < 1:
        steps.append(f"{total} + 7 = {total + 7}")
    return (*steps, f"{(total - 1) % 7 + 1} = {end}")


def _draw_day(rng: random.Random) -> Slots:
    roll = rng.random()
    size = 1 if roll < 0.15 else rng.randint(2, 6) if roll < 0.5 else draw(rng, 7, 60)
    weeks = size % 7 == 0 and rng.random() < 0.3
    return {"start": rng.randrange(7), "shift": size if rng.random() < 0.7 else -size,
            "style": rng.random(), "weeks": weeks}  # fmt: skip


def _say_day(rng: random.Random, slots: Slots) -> str:
    size, day = abs(slots["shift"]), DAYS[slots["start"]]
    side = "after" if slots["shift"] > 0 else "before"
    if size == 1:
        templates = ["what day comes {s} {d}", "what day is {s} {d}", "which day is {s} {d}",
                     "what's the day {s} {d}", "what comes {s} {d}"]  # fmt: skip
    else:
        templates = ["what day is {n} {s} {d}", "which day is {n} {s} {d}",
                     "what day is it {n} {s} {d}", "what weekday is {n} {s} {d}",
                     "{n} {s} {d} is what day"]  # fmt: skip
        if slots["shift"] > 0:
            templates += ["today is {d} what day is it in {n}",
                          "if today is {d} what day will it be in {n}"]  # fmt: skip
        else:
            templates += ["today is {d} what day was it {n} ago"]
    spoken = plural(size // 7, "week") if slots["weeks"] else plural(size, "day")
    return question(rng, templates, n=spoken, s=side, d=day)


def _day(slots: Slots) -> Act:
    start, shift = slots["start"], slots["shift"]
    steps = day_steps(start, shift, slots["style"])
    if slots["weeks"]:
        steps = (f"{abs(shift) // 7} * 7 = {abs(shift)}", *steps)
    made = call("shift_day", day=DAYS[start], by=shift)
    return made, f"It is {capital(DAYS[(start + shift) % 7])}.", steps


def _day_again(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    shift = rng.choice([1, 1, -1]) * rng.randint(1, 12)
    side = "after that" if shift > 0 else "before that"
    text = rng.choice(["and {n} {s}", "and what about {n} {s}", "what about {n} {s}"])
    start = (slots["start"] + slots["shift"]) % 7
    changed = {**slots, "start": start, "shift": shift, "weeks": False}
    return text.format(n=plural(abs(shift), "day"), s=side), changed


def _day_other(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    day = other(rng, DAYS, DAYS[slots["start"]])
    side = "after" if slots["shift"] > 0 else "before"
    text = rng.choice([f"and {side} {day}", f"what about {side} {day}", f"no {side} {day}"])
    return text, {**slots, "start": DAYS.index(day)}


day = Skill(_draw_day, _say_day, _day, (_day_again, _day_other))


def until(rng: random.Random) -> Item:
    """Days from one weekday to the next other one."""
    start, length = rng.randrange(7), rng.randint(1, 6)
    end = (start + length) % 7
    text = question(
        rng, ["how many days are there from {a} to {b}", "how many days is it from {a} until {b}",
              "today is {a} how many days until {b}", "today is {a} how long is it until {b}",
              "if today is {a} how many days are there until {b}"],
        a=DAYS[start], b=DAYS[end])  # fmt: skip
    if rng.random() < 0.5:
        steps = (" ".join(f"{DAYS[(start + i) % 7]} {i}" for i in range(1, length + 1)),)
    else:
        first, last = start + 1, end + 1
        steps = (
            f"{DAYS[start]} = {first}",
            f"{DAYS[end]} = {last}",
            f"{last} - {first} = {last - first}",
        )
        if last < first:
            steps = (*steps, f"{last - first} + 7 = {length}")
    made = call("days_between", start=DAYS[start], end=DAYS[end])
    return Item(text, made, f"It is {plural(length, 'day')}.", steps=steps)


def date_offset(rng: random.Random) -> Item:
    """Over the end of a month at most once; the year is not a leap year."""
    month = rng.randrange(12)
    start = rng.randint(1, LENGTHS[month])
    shift = rng.choice([rng.randint(1, 14), rng.randint(1, 27), 7, 14])
    back = rng.random() < 0.25
    if back:
        total = start - shift
        steps = [f"{start} - {shift} = {total}"]
        to_month, to_day = month, total
        if total < 1:
            to_month = (month - 1) % 12
            to_day = total + LENGTHS[to_month]
            steps += [f"{MONTHS[to_month]} has {LENGTHS[to_month]} days",
                      f"{total} + {LENGTHS[to_month]} = {to_day}"]  # fmt: skip
    else:
        total = start + shift
        steps = [f"{start} + {shift} = {total}"]
        to_month, to_day = month, total
        steps.append(f"{MONTHS[month]} has {LENGTHS[month]} days")
        if total > LENGTHS[month]:
            to_month, to_day = (month + 1) % 12, total - LENGTHS[month]
            steps.append(f"{total} - {LENGTHS[month]} = {to_day}")
    steps.append(f"{MONTHS[to_month]} {to_day}")
    spoken = rng.choice(
        [f"{MONTHS[month]} {ordinal(start)}", f"the {ordinal(start)} of {MONTHS[month]}"]
    )
    span = (
        plural(shift // 7, "week")
        if shift % 7 == 0 and rng.random() < 0.5
        else plural(shift, "day")
    )
    if not span.endswith(("day", "days")):
        steps.insert(0, f"{shift // 7} * 7 = {shift}")
    side = "before" if back else "after"
    text = question(rng, ["what date is {n} {s} {d}", "what is the date {n} {s} {d}",
                          "which date is {n} {s} {d}", "what's {n} {s} {d}"],
                    n=span, s=side, d=spoken)  # fmt: skip
    made = call("shift_date", date=f"{MONTHS[month]} {start}", by=-shift if back else shift)
    answer = f"It is {capital(MONTHS[to_month])} {ordinal(to_day)}."
    return Item(text, made, answer, steps=tuple(steps))


def month_shift(rng: random.Random) -> Item:
    start = rng.randrange(12)
    size = 1 if rng.random() < 0.3 else draw(rng, 2, 20)
    shift = size if rng.random() < 0.65 else -size
    end = MONTHS[(start + shift) % 12]
    side, sign = ("after", "+") if shift > 0 else ("before", "-")
    if size == 1:
        templates = ["what month comes {s} {m}", "which month is {s} {m}", "what month is {s} {m}",
                     "what's the month {s} {m}"]  # fmt: skip
    else:
        templates = ["what month is {n} {s} {m}", "which month comes {n} {s} {m}",
                     "what month is it {n} {s} {m}"]  # fmt: skip
        if shift > 0:
            templates += ["it is {m} what month will it be in {n}"]
    text = question(rng, templates, n=plural(size, "month"), s=side, m=MONTHS[start])
    total = start + 1 + shift
    steps = [f"{MONTHS[start]} = {start + 1}", f"{start + 1} {sign} {size} = {total}"]
    while not 1 <= total <= 12:
        step = -12 if total > 12 else 12
        steps.append(f"{total} {'-' if step < 0 else '+'} 12 = {total + step}")
        total += step
    steps.append(f"{total} = {end}")
    made = call("shift_month", month=MONTHS[start], by=shift)
    return Item(text, made, f"It is {capital(end)}.", steps=tuple(steps))


def _months() -> list[tuple[str, str, list[str]]]:
    table = []
    for number, name in enumerate(MONTHS, 1):
        nth, title = ORDINALS[number], capital(name)
        table.append((call("get_month", month=str(number)), f"The {nth} month is {title}.",
                      [f"what is the {nth} month of the year", f"what is the {nth} month",
                       f"which month is the {nth}", f"name the {nth} month"]))  # fmt: skip
        table.append((call("get_month", month=name), f"{title} is month {words(number)}.",
                      [f"what number is {name}", f"which number of month is {name}",
                       f"what number month is {name}"]))  # fmt: skip
        table.append((call("days_in_month", month=name),
                      f"{title} has {words(LENGTHS[number - 1])} days.",
                      [f"how many days does {name} have", f"how many days are in {name}",
                       f"how long is {name}", f"how many days are there in {name}"]))  # fmt: skip
    return table


month = fixed(_months())
