"""The acoustic channel: what is heard, in sentences that can be checked one by one.

Evidence comes before what is concluded from it. There are several styles (enumerating, numbered,
summed up, conclusion alone; before or after the description of the voice), so that thoughts
sampled from a trained model differ in quality. ``claims`` reads every sentence written here.
"""

from __future__ import annotations

import random

from aloud_nano.grammar.sound import (
    COMPARED,
    EVENTS,
    OPPOSITE,
    ORDERED,
    ORDINALS,
    SOUNDS,
    Acoustics,
    Facts,
    answer,
    answer_sound,
    ask,
    count_of,
    describe,
    describe_line,
    describe_voice,
    is_sound_question,
    listed,
    plural,
)

# How an ordered sound is named where it is heard.
HEARD = {name: SOUNDS[name] for name in ORDERED}
ENUMERATE = 0.62  # share of thoughts that go through the evidence piece by piece
CONCLUDE = 0.12  # share that give the conclusion alone


def thought(rng: random.Random, question: str | None, sound: Acoustics, facts: Facts) -> str:
    """The acoustic channel of a speech turn. ``facts`` describe the sound that is asked about."""
    if question is None:
        return f" {describe(sound)}"
    if not is_sound_question(question):
        return _voice_thought(rng, question, sound)
    evidence = sound_evidence(rng, question, facts)
    rest = f" {describe_voice(sound)} {describe_line(sound)}."
    chance = rng.random()
    if chance < 0.5:
        return evidence + rest
    return rest + evidence if chance < 0.8 else evidence


def _voice_thought(rng: random.Random, question: str, sound: Acoustics) -> str:
    """Mostly the whole description; for measured properties, the measure and its meaning."""
    whole = f" {describe(sound)}"
    measured = ""
    if question == "pitch" and not sound.whispered and sound.hertz > 0:
        measured = f" The pitch is about {round(sound.hertz, -1):.0f} hertz, so {sound.pitch}."
    elif question == "tempo" and sound.letters > 0:
        measured = f" I hear about {sound.letters:.0f} letters a second, so {sound.tempo}."
    elif question == "ramp":
        measured = {
            "up": " The start is quiet, the end is loud.",
            "down": " The start is loud, the end is quiet.",
            "same": " The start is as loud as the end.",
        }[sound.ramp]
    elif question == "pace":
        measured = {
            "up": " The start is slow, the end is fast.",
            "down": " The start is fast, the end is slow.",
            "same": " The start is as fast as the end.",
        }[sound.pace]
    if not measured or rng.random() < 0.3:
        return whole
    return measured + whole if rng.random() < 0.7 else whole + measured


def sound_evidence(rng: random.Random, question: str, facts: Facts) -> str:
    name, *named = question.split(":")
    if "events" in facts:
        return _events(rng, name, named, facts)
    if name in COMPARED:
        return _tones(rng, name, facts)
    if name == "order":
        return _order(rng, facts)
    if name == "chord":
        return _concluded(
            rng, f" The third is {'large' if facts['chord'] == 'major' else 'small'}",
            f"so {facts['chord']}", f" The chord is {facts['chord']}.",
        )  # fmt: skip
    if name == "rhythm":
        steady = facts["rhythm"] == "steady"
        gaps = "equal" if steady else ", ".join(facts["gaps"].split())
        return _concluded(
            rng, f" The gaps are {gaps}", f"so {facts['rhythm']}",
            f" The rhythm is {facts['rhythm']}.",
        )  # fmt: skip
    if name == "direction":
        start, end = ("low", "high") if facts["direction"] == "rising" else ("high", "low")
        return _concluded(
            rng, f" The tone starts {start} and ends {end}", f"so {facts['direction']}",
            f" The tone is {facts['direction']}.",
        )  # fmt: skip
    return f" I hear {SOUNDS[facts['sound']]}."


def _concluded(rng: random.Random, evidence: str, so: str, conclusion: str) -> str:
    chance = rng.random()
    if chance < ENUMERATE:
        return f"{evidence}, {so}."
    if chance < 1 - CONCLUDE:
        return f"{evidence}.{conclusion}"
    return conclusion


def _events(rng: random.Random, name: str, named: list[str], facts: Facts) -> str:
    events = facts["events"].split()
    chance = rng.random()
    plain = f" I hear {', '.join(events)}."
    numbers: dict[str, int] = {}
    numbered = []
    for event in events:
        numbers[event] = numbers.get(event, 0) + 1
        numbered.append(f"{event} {numbers[event]}")
    if chance < ENUMERATE / 2:
        heard = plain
    elif chance < ENUMERATE:
        heard = f" I hear {', '.join(numbered)}."
    elif chance < 1 - CONCLUDE:
        heard = f" I hear {listed(facts)}." if name not in ("first", "place") else plain
    else:
        heard = ""
    if name in ("first", "place"):
        return heard + _place(name, named, events)
    if name == "sound":
        return heard or f" I hear {listed(facts)}."
    return heard + _summed(name, named, facts)


def _place(name: str, named: list[str], events: list[str]) -> str:
    if name == "place":
        where = named[0]
        return f" The {where} sound is a {events[0 if where == 'first' else -1]}."
    first, second = sorted(named, key=events.index)
    return f" The {first} comes before the {second}."


def _summed(name: str, named: list[str], facts: Facts) -> str:
    counts = [count_of(facts, event) for event in named]
    parts = ", ".join(plural(e, c) for e, c in zip(named, counts, strict=True))
    text = f" {parts[:1].upper()}{parts[1:]}."
    if name == "together":
        text += f" {counts[0]} + {counts[1]} = {sum(counts)}."
    elif name == "difference":
        text += f" {counts[0]} - {counts[1]} = {counts[0] - counts[1]}."
    elif name == "more":
        text += f" {counts[0]} is {_relation(*counts)} {counts[1]}."
    return text


def _relation(first: int, second: int) -> str:
    return "more than" if first > second else "less than" if first < second else "as many as"


def _tones(rng: random.Random, name: str, facts: Facts) -> str:
    fact, value = COMPARED[name]
    values = facts[fact].split()
    place = ORDINALS[values.index(value)]
    conclusion = f" The {place} tone is {'the ' if name.endswith('est') else ''}{name}."
    pairs = [f"the {o} is {v}" for o, v in zip(ORDINALS, values, strict=False)]
    pairs[0] = f" The first tone is {values[0]}"
    full = f"{', '.join(pairs)}."
    chance = rng.random()
    if chance < ENUMERATE:
        return full + conclusion
    if chance < ENUMERATE + 0.14:
        return full
    if chance < 1 - CONCLUDE:
        return f" The tones are {', '.join(values)}."
    return conclusion


def _order(rng: random.Random, facts: Facts) -> str:
    first, second = facts["order"].split()
    chance = rng.random()
    if chance < ENUMERATE:
        return f" First I hear {HEARD[first]}, then {HEARD[second]}."
    if chance < 1 - CONCLUDE:
        return f" I hear {HEARD[first]}, then {HEARD[second]}."
    verb = "come" if first in ("birds", "drum") else "comes"
    return f" {HEARD[first][:1].upper()}{HEARD[first][1:]} {verb} first."


def alone(facts: Facts) -> str:
    """The acoustic channel of a clip in which nobody speaks."""
    if facts.get("sound") == "babble":
        return " I hear people talking."
    if "events" in facts:
        return f" I hear {listed(facts)}."
    if facts["sound"] != "none":
        return f" I hear {SOUNDS[facts['sound']]}."
    return " There is only noise." if facts["noise"] == "only" else " It is silent."


def example(rng: random.Random) -> tuple[str, str, str]:
    """A question, a thought and an answer without any audio: what the vocabulary must hold."""
    item = ask(rng)
    question = item.question or ""
    pick = rng.choice
    sound = Acoustics(
        pick(["low", "middle", "high"]), pick(["slow", "steady", "fast"]),
        pick(["quiet", "normal", "loud"]), rng.random() < 0.1, rng.random() < 0.3,
        pick(["clean", "some", "heavy"]), pick(["none", *SOUNDS]), pick(["up", "down", "same"]),
        pick(["up", "down", "same"]), rng.uniform(70, 300), rng.uniform(7, 24),
    )  # fmt: skip
    if not is_sound_question(question):
        return item.text, thought(rng, question, sound, {}), answer(question, sound)
    facts = _imagined(rng, question)
    return item.text, thought(rng, question, sound, facts), answer_sound(question, facts)


def _imagined(rng: random.Random, question: str) -> Facts:
    name, *named = question.split(":")
    if name == "order":
        return {"order": " ".join(rng.sample(named, 2))}
    if name in ("count", "together", "more", "difference", "first", "place"):
        others = [rng.choice(EVENTS) for _ in range(rng.randint(1, 5))]
        events = [*(named if name != "place" else []), *others]
        rng.shuffle(events)
        return {"events": " ".join(events)}
    if name in COMPARED:
        fact, value = COMPARED[name]
        if name.endswith("est"):
            return {fact: " ".join(rng.sample(["low", "middle", "high"], 3))}
        pair = next((low, high) for low, high in OPPOSITE.items() if value in (low, high))
        return {fact: " ".join(rng.sample(pair, 2))}
    gaps = ["short", "long", *(rng.choice(["short", "long"]) for _ in range(3))]
    steady = rng.random() < 0.5
    return {
        "chord": {"chord": rng.choice(["major", "minor"])},
        "rhythm": {"rhythm": "steady", "gaps": "equal"}
        if steady
        else {"rhythm": "uneven", "gaps": " ".join(gaps)},
        "direction": {"direction": rng.choice(["rising", "falling"])},
    }.get(name, {"sound": rng.choice(list(SOUNDS))})
