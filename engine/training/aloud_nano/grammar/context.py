"""Turns that only mean something after another turn, and what to say where there is none.

An item of the intent "context" is right only where nothing was said before it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from aloud_nano.grammar.arithmetic import apply, the_answer, worked
from aloud_nano.grammar.item import Item
from aloud_nano.grammar.numbers import draw, value_of, words
from aloud_nano.grammar.skill import fixed
from aloud_nano.grammar.social import language_refusal
from aloud_nano.grammar.tools import call, parse_call

RECALL = ["what did i just ask", "what did i say", "what did i just say", "what did i ask you",
          "what was my question", "what did i ask", "do you remember what i said",
          "repeat what i said"]  # fmt: skip
AGAIN = ["say that again", "repeat that", "can you repeat that", "again please", "pardon",
         "what did you say", "come again", "i didn't get that", "please say that again",
         "could you say that again", "repeat", "excuse me what was that",
         "one more time please"]  # fmt: skip
WHY = ["why", "why is that", "how come", "why that", "how do you know", "how did you get that",
       "explain that", "are you sure"]  # fmt: skip
TRANSLATE = ["and in {}", "say that in {}", "now in {}", "what is that in {}", "and in {} please"]
_LANGUAGES = ["french", "spanish", "german", "italian"]
_SUM = re.compile(r"(-?\d+) ([-+*/]) (\d+) = (-?\d+)")
_SPOKEN = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}

nothing_before = fixed(
    [
        ("recall()", "You have not asked anything yet.", RECALL),
        ("repeat_answer()", "I have not said anything yet.", AGAIN),
        ("explain()", "What do you mean?", WHY),
        ("clarify()", "What should I change?",
         ["make it ten", "make it five", "make it fifty", "and in the kitchen", "the other one",
          "what about tomorrow", "no i meant fifty", "no i meant fifteen", "and the bedroom",
          "in the bedroom too", "change it to eight", "make it blue", "no the other one",
          "and tomorrow",
          "the kitchen too", "make it larger", "do the same in the office", "i meant seven"]),
        ("clarify()", "To which number?",
         ["and times two", "add five to that", "minus three", "double that", "half of that",
          "now divide it by two", "and plus seven", "times ten", "add ten", "take away four"]),
    ]
)  # fmt: skip


def recall(rng: random.Random, before: Sequence[Item]) -> Item:
    text = before[-1].text
    return Item(rng.choice(RECALL), "recall()", f'You said "{text}".', "context",
                steps=(f"before: {text}",))  # fmt: skip


def again(rng: random.Random, before: Sequence[Item]) -> Item:
    return Item(rng.choice(AGAIN), "repeat_answer()", before[-1].answer, "context")


def _aloud(step: str) -> str | None:
    match = _SUM.fullmatch(step)
    if match is None:
        return None
    left, sign, right, result = match.groups()
    return f"{words(int(left))} {_SPOKEN[sign]} {words(int(right))} is {words(int(result))}"


def why(rng: random.Random, before: Sequence[Item]) -> Item | None:
    """Sums are explained by their last steps, orders and commands by the user's wish."""
    last = before[-1]
    spoken = [line for line in map(_aloud, last.steps) if line is not None]
    if spoken and len(spoken) == len(last.steps):
        answer = f"Because {' and '.join(spoken[-2:])}."
        steps = tuple(f"before: {step}" for step in last.steps[-2:])
        return Item(rng.choice(WHY), "explain()", answer, "context", steps=steps)
    if last.steps or not last.call.startswith(("set_", "play_", "control_", "change_", "add_")):
        return None
    text = rng.choice(WHY[:3])
    return Item(text, "explain()", "Because you asked me to.", "context")


def other_language(rng: random.Random) -> Item:
    language = rng.choice(_LANGUAGES)
    return Item(rng.choice(TRANSLATE).format(language), *language_refusal(language), "context")


def value(item: Item) -> int | None:
    """The number that an item's answer ends in, where it is a bare sum."""
    match = re.fullmatch(r"The answer is (.+)\.", item.answer or "")
    return value_of(match[1]) if match else None


_NEXT = {
    "+": ["and plus {}", "plus {}", "add {} to that", "and add {}", "now add {}", "{} more",
          "what if i add {}"],
    "-": ["minus {}", "and minus {}", "take away {}", "subtract {} from that", "now subtract {}",
          "and take away {}", "{} less"],
    "*": ["and times {}", "times {}", "multiply that by {}", "now times {}"],
    "/": ["divided by {}", "and divided by {}", "divide that by {}", "now divide it by {}"],
}  # fmt: skip
_TWICE = ["double that", "now double it", "and twice that", "and doubled"]
_HALF = ["half of that", "and half of that", "now halve it", "what is half of that"]


def next_sum(rng: random.Random, before: Sequence[Item]) -> Item | None:
    """ "and times two": goes on from the last answer."""
    last = value(before[-1])
    if last is None:
        return None
    sign = rng.choice("++--**/")
    if sign == "+":
        by = draw(rng, 1, 60)
    elif sign == "-":
        by = rng.randint(1, 30)
    elif sign == "*":
        by = rng.randint(2, 10)
    else:
        by = rng.choice([2, 2, 3, 4, 5, 10])
    if (sign == "-" and by > last) or (sign == "/" and last % by) or (sign == "*" and last > 999):
        return None
    phrases = _NEXT[sign]
    if by == 2 and sign in "*/" and rng.random() < 0.6:
        phrases = _TWICE if sign == "*" else _HALF
    text = rng.choice(phrases).format(words(by))
    steps = (f"before: {last}", *worked(last, sign, by))
    return Item(text, call("calculate", expression=f"{last}{sign}{by}"),
                the_answer(apply(last, sign, by)), "math", steps=steps)  # fmt: skip


def carried(new: Item, old: Item) -> tuple[str, ...]:
    """What stays and what changes, from the two calls."""
    parsed, previous = parse_call(new.call), parse_call(old.call)
    if parsed is None or previous is None:
        return new.steps
    steps = [f"same as before: {parsed[0]}"]
    steps += [f"new {key}: {value}" for key, value in parsed[1].items()
              if previous[1].get(key) != value]  # fmt: skip
    return (*steps, *new.steps)
