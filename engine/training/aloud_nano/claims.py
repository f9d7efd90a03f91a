"""Read the acoustic channel as claims, and check them against what is true of the recording.

``claims`` is total: a sentence that it cannot read becomes a claim of its own (``?1``), which no
facts support. ``grounded`` counts. Both are pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from aloud_nano.evidence import HEARD
from aloud_nano.grammar.numbers import words
from aloud_nano.grammar.sound import EVENTS, SOUNDS, Facts

_NUMBERS = {"no": 0} | {words(n): n for n in range(21)}
_NAMES = {text: name for name, text in SOUNDS.items()}
_HEARD = {text: name for name, text in HEARD.items()}
_EVENT = "|".join(EVENTS)
_NUMBER = "|".join(_NUMBERS)
_COUNT = re.compile(rf"({_NUMBER}) ({_EVENT})s?")
_ORDINAL = {"first": 0, "second": 1, "third": 2}
# quality of a tone → (fact, value)
_QUALITIES = {
    "low": ("tones", "low"), "high": ("tones", "high"), "middle": ("tones", "middle"),
    "soft": ("levels", "soft"), "loud": ("levels", "loud"),
    "short": ("lengths", "short"), "long": ("lengths", "long"),
}  # fmt: skip
_SUPERLATIVES = {
    "higher": "high", "lower": "low", "louder": "loud", "quieter": "soft", "longer": "long",
    "shorter": "short", "highest": "high", "lowest": "low",
}  # fmt: skip
# evidence → (the fact it is evidence for, what each value of it means)
_FOLLOWS = {
    "third": ("chord", {"large": "major", "small": "minor"}),
    "ends": ("direction", {"low high": "rising", "high low": "falling"}),
}
TOLERANCE = 0.15  # of a claimed pitch or rate


def claims(acoustic: str) -> Facts:
    """Acoustic text → claims. Keys are those of ``Scene.facts``, and a few that follow from
    them (``count.beep``, ``before``, ``sum`` …)."""
    found: Facts = {}
    for number, sentence in enumerate(re.findall(r"[^.]+(?:\.|$)", acoustic.strip()), 1):
        text = sentence.strip().removesuffix(".").strip()
        if not text:
            continue
        read = _read(text)
        if read is None:
            read = {f"?{number}": text}
        for key, value in read.items():
            if key in found and found[key] != value:  # the text contradicts itself
                key = f"{key}/{number}"
            found[key] = value
    return found


def _read(sentence: str) -> Facts | None:
    lowered = sentence[:1].lower() + sentence[1:]
    if sentence.startswith("I hear"):
        lowered = sentence
    for pattern, meaning in _SENTENCES:
        match = pattern.fullmatch(lowered)
        if match:
            return meaning(match)
    return None


def _voice(match: re.Match[str]) -> Facts:
    whispered = match[1] == "whispered"
    return {
        "pitch": "none" if whispered else match[1], "whispered": "yes" if whispered else "no",
        "tempo": match[2], "loudness": match[3], "echo": "yes" if match[4] else "no",
    }  # fmt: skip


def _line(match: re.Match[str]) -> Facts | None:
    noise = {
        "the line is clean": "clean", "there is some noise": "some",
        "there is heavy noise": "heavy",
    }[match[1]]  # fmt: skip
    if match[2] is None:
        return {"noise": noise}
    other = match[2].removeprefix(", ")
    if other == "nothing else":
        return {"noise": noise, "background": "none"}
    name = _NAMES.get(other.removeprefix("and "))
    return None if name is None else {"noise": noise, "background": name}


def _enumerated(match: re.Match[str]) -> Facts | None:
    """ "beep, beep, knock", "beep 1, beep 2, knock 1", "two beeps and one knock", "a siren"."""
    parts = match[1].split(", ")
    names = [part.split()[0] for part in parts]
    if all(re.fullmatch(rf"({_EVENT})( \d+)?", part) for part in parts):
        seen: dict[str, int] = {}
        for part in parts:
            name, *number = part.split()
            seen[name] = seen.get(name, 0) + 1
            if number and int(number[0]) != seen[name]:
                return None
        return {"events": " ".join(names)}
    counts = _counts(match[1])
    if counts is not None:
        return counts
    name = _NAMES.get(match[1])
    return None if name is None else {"sound": name}


def _counts(text: str) -> Facts | None:
    found = [_COUNT.fullmatch(part) for part in re.split(r", | and ", text)]
    if not all(found):
        return None
    return {f"count.{m[2]}": str(_NUMBERS[m[1]]) for m in found if m}


def _qualities(match: re.Match[str]) -> Facts | None:
    values = re.findall(r"the \w+(?: tone)? is (\w+)", match[0])
    return _sequence(values)


def _sequence(values: list[str]) -> Facts | None:
    known = [_QUALITIES[value] for value in values if value in _QUALITIES]
    if len(known) != len(values) or len({fact for fact, _ in known}) != 1:
        return None
    return {known[0][0]: " ".join(value for _, value in known)}


def _conclusion(match: re.Match[str]) -> Facts | None:
    value = _SUPERLATIVES.get(match[2])
    return None if value is None else {f"tone.{value}": match[1]}


def _order(match: re.Match[str]) -> Facts | None:
    first, second = _HEARD.get(match[1]), _HEARD.get(match[2])
    return None if first is None or second is None else {"order": f"{first} {second}"}


def _first(match: re.Match[str]) -> Facts | None:
    name = _HEARD.get(match[1])
    return None if name is None else {"order.first": name}


def _change(match: re.Match[str]) -> Facts | None:
    change = (match[1], match[2])
    known = {
        ("quiet", "loud"): ("ramp", "up"), ("loud", "quiet"): ("ramp", "down"),
        ("slow", "fast"): ("pace", "up"), ("fast", "slow"): ("pace", "down"),
    }.get(change)  # fmt: skip
    return None if known is None else {known[0]: known[1]}


_Meaning = Callable[[re.Match[str]], Facts | None]
_WORD = r"(\w+)"
_SENTENCES: list[tuple[re.Pattern[str], _Meaning]] = [
    (re.compile(pattern), meaning)
    for pattern, meaning in [
        (
            r"the voice is (low|middle|high|whispered), (slow|steady|fast) and "
            r"(quiet|normal|loud)(, with echo)?",
            _voice,
        ),
        (
            r"(the line is clean|there is some noise|there is heavy noise)"
            r"(, nothing else|, and .+)?",
            _line,
        ),
        (
            r"the voice is getting (louder|quieter)",
            lambda m: {"ramp": "up" if m[1] == "louder" else "down"},
        ),
        (
            r"the voice is (speeding up|slowing down)",
            lambda m: {"pace": "up" if m[1] == "speeding up" else "down"},
        ),
        (rf"the start is {_WORD}, the end is {_WORD}", _change),
        (r"the start is as loud as the end", lambda m: {"ramp": "same"}),
        (r"the start is as fast as the end", lambda m: {"pace": "same"}),
        (
            r"the pitch is about (\d+) hertz, so (low|middle|high)",
            lambda m: {"hertz": m[1], "pitch": m[2]},
        ),
        (
            r"I hear about (\d+) letters a second, so (slow|steady|fast)",
            lambda m: {"letters": m[1], "tempo": m[2]},
        ),
        (r"I hear (.+), then (.+)", _order),
        (r"first I hear (.+), then (.+)", _order),
        (r"(.+) comes? first", _first),
        (r"I hear (.+)", _enumerated),
        (rf"the (first|last) sound is an? ({_EVENT})", lambda m: {f"place.{m[1]}": m[2]}),
        (rf"the ({_EVENT}) comes before the ({_EVENT})", lambda m: {"before": f"{m[1]} {m[2]}"}),
        (r"(\d+) ([+-]) (\d+) = (-?\d+)", lambda m: {"sum": m[0]}),
        (r"(\d+) is (more than|less than|as many as) (\d+)", lambda m: {"relation": m[0]}),
        (
            r"the first tone is \w+(?:, the (?:second|third) is \w+)+",
            _qualities,
        ),
        (r"the (first|second|third) tone is (?:the )?(\w+)", _conclusion),
        (r"the tones are (.+)", lambda m: _sequence(m[1].split(", "))),
        (
            r"the third is (large|small)(?:, so (major|minor))?",
            lambda m: {"third": m[1]} | ({"chord": m[2]} if m[2] else {}),
        ),
        (r"the chord is (major|minor)", lambda m: {"chord": m[1]}),
        (
            r"the gaps are (equal|(?:(?:short|long)(?:, )?)+?)(?:, so (steady|uneven))?",
            lambda m: (
                {"gaps": " ".join(m[1].split(", "))} | ({"rhythm": m[2]} if m[2] else {})
            ),
        ),
        (r"the rhythm is (steady|uneven)", lambda m: {"rhythm": m[1]}),
        (
            r"the tone starts (low|high) and ends (low|high)(?:, so (rising|falling))?",
            lambda m: {"ends": f"{m[1]} {m[2]}"} | ({"direction": m[3]} if m[3] else {}),
        ),
        (r"the tone is (rising|falling)", lambda m: {"direction": m[1]}),
        (r"it is silent", lambda m: {"sound": "none", "noise": "none"}),
        (r"there is only noise", lambda m: {"sound": "none", "noise": "only"}),
        (r"there is no sound, only text", lambda m: {"sound": "none", "typed": "yes"}),
        (rf"((?:{_NUMBER}) (?:{_EVENT})s?(?:, (?:{_NUMBER}) (?:{_EVENT})s?)*)",
         lambda m: _counts(m[1])),
    ]
]  # fmt: skip


def grounded(claimed: Facts, facts: Facts) -> tuple[int, int]:
    """How many claims are true, and how many there are."""
    true = sum(holds(key, value, facts) for key, value in claimed.items())
    return true, len(claimed)


def holds(key: str, value: str, facts: Facts) -> bool:
    key = key.split("/")[0]  # a claim repeated with another value
    if key in ("sum", "relation"):
        return _true_of_numbers(key, value)
    if key in ("hertz", "letters"):
        return key in facts and _near(float(value), float(facts[key]))
    events = facts.get("events", "").split()
    name, _, rest = key.partition(".")
    if name == "count":
        return value == str(events.count(rest))
    if name == "place":
        return bool(events) and value == events[0 if rest == "first" else -1]
    if key == "before":
        first, second = value.split()
        known = first in events and second in events
        return known and events.index(first) < events.index(second)
    if name == "tone":
        return _tone(rest, value, facts)
    if key in _FOLLOWS:
        fact, meaning = _FOLLOWS[key]
        return fact in facts and meaning.get(value) == facts[fact]
    if key == "order.first":
        return facts.get("order", "").startswith(f"{value} ")
    return facts.get(key) == value


def _near(claimed: float, true: float) -> bool:
    """Within the tolerance, or what rounding alone makes of it."""
    return abs(claimed - true) <= max(TOLERANCE * true, 1.0)


def _tone(quality: str, place: str, facts: Facts) -> bool:
    for fact in ("tones", "levels", "lengths"):
        values = facts.get(fact, "").split()
        if quality in values and values.index(quality) == _ORDINAL[place]:
            return True
    return False


def _true_of_numbers(key: str, text: str) -> bool:
    if key == "sum":
        left, sign, right, _, total = text.split()
        result = int(left) + int(right) if sign == "+" else int(left) - int(right)
        return result == int(total)
    match = re.fullmatch(r"(\d+) is (.+) (\d+)", text)
    if match is None:
        return False
    left, right = int(match[1]), int(match[3])
    return {"more than": left > right, "less than": left < right}.get(match[2], left == right)
