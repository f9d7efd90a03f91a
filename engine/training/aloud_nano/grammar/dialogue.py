"""Two to four turns that need each other: changed slots, completions, sums that go on."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping

from aloud_nano.grammar import context
from aloud_nano.grammar.item import Item
from aloud_nano.grammar.skill import Skill, Slots

TRIES = 20  # a follow-up that does not fit is drawn again at most so often


@dataclasses.dataclass
class _Talk:
    """What the next turn may refer to. ``content`` leaves out turns about the talk itself."""

    turns: list[Item]
    content: list[Item]
    skill: str | None
    slots: Slots


def _change(rng: random.Random, talk: _Talk, skills: Mapping[str, Skill]) -> Item | None:
    if talk.skill is None or not skills[talk.skill].changes:
        return None
    skill = skills[talk.skill]
    changed = rng.choice(skill.changes)(rng, talk.slots)
    if changed is None:
        return None
    text, slots = changed
    call, answer, steps = skill.act(slots)
    if call == talk.content[-1].call:
        return None
    new = Item(text, call, answer, talk.skill, steps=steps)
    talk.slots = slots
    return dataclasses.replace(new, steps=context.carried(new, talk.content[-1]))


def _about(rng: random.Random, talk: _Talk) -> Item | None:
    """Turns about the talk itself; each kind at most once in a row."""
    if talk.turns[-1].intent in ("context", "unfinished"):
        return None
    kind = rng.random()
    if kind < 0.38:
        return context.recall(rng, talk.turns)
    if kind < 0.62:
        return context.again(rng, talk.turns)
    if kind < 0.85:
        return context.why(rng, talk.turns)
    return context.other_language(rng)


def follow(rng: random.Random, talk: _Talk, skills: Mapping[str, Skill]) -> Item | None:
    """The next turn; None where nothing fits."""
    for _ in range(TRIES):
        kind = rng.random()
        summed = context.value(talk.content[-1]) is not None
        if kind < 0.22:
            item = _about(rng, talk)
        elif summed:
            item = context.next_sum(rng, talk.content)
        else:
            item = _change(rng, talk, skills)
        if item is not None:
            talk.turns.append(item)
            if item.intent != "context":
                talk.content.append(item)
            return item
    return None


def close(rng: random.Random, talk: _Talk, ordinary: Callable[[str], Item]) -> None:
    """Thanks, or taking it back: both are answered as they are anywhere."""
    item = ordinary("chat" if rng.random() < 0.5 else "navigation")
    wanted = ("small_talk(topic=thanks)", "navigate(action=cancel)")
    for _ in range(TRIES * 5):
        if item.call in wanted:
            talk.turns.append(item)
            return
        item = ordinary("chat" if rng.random() < 0.5 else "navigation")


def talk_of(first: list[Item], skill: str | None, slots: Slots) -> _Talk:
    return _Talk(list(first), [first[-1]], skill, slots)
