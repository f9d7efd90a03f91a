"""Draw items, balanced over intents, with a split that training cannot cross.

Texts of compositional intents (those with so many sentences that unseen ones are a fair test) are
held out by a hash of the text without its courtesies, so that "please …" does not carry a held-out
request into training. ``Sampler`` is bound to one split and never returns the other's.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections.abc import Callable, Sequence
from typing import Literal

from aloud_nano.grammar import (
    arithmetic,
    calendar,
    context,
    dialogue,
    home,
    knowledge,
    lists,
    media,
    missing,
    orders,
    results,
    series,
    social,
    sound,
    stories,
    timekeeping,
    unfinished,
    units,
)
from aloud_nano.grammar import words as spelling
from aloud_nano.grammar.item import Item, capital
from aloud_nano.grammar.skill import Skill, Slots, core
from aloud_nano.grammar.tools import call

Split = Literal["train", "test"]
MAX_CHARACTERS = 118
HELD_OUT = 20  # one text in 20

# intent → (generator, weight)
INTENTS: dict[str, tuple[Callable[[random.Random], Item], float]] = {
    "math": (arithmetic.math, 9),
    "percent": (arithmetic.percent, 4),
    "doubles": (arithmetic.doubles, 3),
    "story": (stories.story, 6),
    "price": (stories.price, 3),
    "average": (series.average, 2.5),
    "sequence": (series.sequence, 2.5),
    "compare": (series.compare, 4),
    "parity": (series.parity, 1.5),
    "largest": (series.largest, 3),
    "sort": (series.sort, 3),
    "count": (series.count, 3),
    "digits": (series.digits, 3),
    "convert": (units.convert, 4),
    "convert_two": (units.convert_two, 3.5),
    "temperature": (units.temperature, 2.5),
    "time": (calendar.clock_shift, 4.5),
    "elapsed": (calendar.elapsed, 3),
    "day": (calendar.day, 4.5),
    "until": (calendar.until, 2),
    "date": (calendar.date_offset, 3),
    "month_shift": (calendar.month_shift, 2.5),
    "month": (calendar.month, 1.5),
    "timer": (timekeeping.timer, 5),
    "timer_add": (timekeeping.timer_add, 1.5),
    "timer_cancel": (timekeeping.timer_cancel, 0.7),
    "timer_left": (timekeeping.timer_left, 0.8),
    "alarm": (timekeeping.alarm, 5),
    "alarm_cancel": (timekeeping.alarm_cancel, 1.5),
    "alarm_off": (timekeeping.alarm_off, 0.6),
    "remind": (timekeeping.remind, 6),
    "lights": (home.lights, 4),
    "light_colour": (home.light_colour, 2.5),
    "light_level": (home.light_level, 3),
    "thermostat": (home.thermostat, 3.5),
    "warmer": (home.warmer, 1.5),
    "fan": (home.fan, 1.5),
    "door": (home.door, 2),
    "blinds": (home.blinds, 1.5),
    "clock_now": (timekeeping.clock_now, 0.8),
    "music": (media.music, 4),
    "player": (media.player, 1.8),
    "volume": (media.volume, 3),
    "volume_by": (media.volume_by, 1.5),
    "volume_step": (media.volume_step, 1.8),
    "shopping": (lists.shopping, 3.5),
    "shopping_remove": (lists.shopping_remove, 1.5),
    "todo": (lists.todo, 1.5),
    "read_list": (lists.read_list, 0.8),
    "call": (lists.phone, 2.5),
    "hang_up": (lists.hang_up, 0.4),
    "message": (lists.message, 4),
    "capital": (knowledge.capital_of, 2.5),
    "country": (knowledge.country_of, 1),
    "opposite": (knowledge.opposite, 1.5),
    "animal": (knowledge.animal, 2),
    "colour": (knowledge.colour, 1),
    "fact": (knowledge.fact, 4),
    "spell": (spelling.spell, 3),
    "backwards": (spelling.backwards, 1.2),
    "letters": (spelling.letters, 3),
    "nth_letter": (spelling.nth_letter, 2.5),
    "count_letter": (spelling.count_letter, 2),
    "coffee": (orders.coffee, 6),
    "food": (orders.food, 3.5),
    "navigation": (social.navigation, 4),
    "select": (social.select, 1.5),
    "open_app": (social.open_app, 1.5),
    "close_app": (social.close_app, 0.8),
    "greeting": (social.greeting, 1.5),
    "chat": (social.chat, 1.5),
    "about": (social.about, 2),
    "reply": (social.reply, 2),
    "weather": (social.weather, 2.5),
    "missing": (missing.missing, 1.5),
    "chance": (social.chance, 0.6),
    "translate": (social.translate, 0.8),
    "acoustic": (sound.ask, 16),
}
SKILLS: dict[str, Skill] = {
    name: make for name, (make, _) in INTENTS.items() if isinstance(make, Skill)
}
COMPOSITIONAL = frozenset(
    "math percent doubles story price average sequence compare parity largest sort count convert "
    "convert_two temperature time elapsed day date month_shift timer timer_add alarm alarm_cancel "
    "remind lights light_colour light_level thermostat music volume volume_by shopping "
    "shopping_remove todo message nth_letter count_letter weather coffee food repeat open".split()
)
# Right only where nothing was said before: never put after another turn.
ONLY_FIRST = frozenset(["context"])
TEXT_FAVOURITES = (
    "math", "math", "math", "percent", "story", "time", "day", "date", "convert", "convert_two",
    "compare", "largest", "letters", "count", "doubles", "price", "sequence", "sort", "average",
    "temperature", "backwards", "nth_letter",
)  # fmt: skip


def split_of(text: str) -> Split:
    """Which split a compositional text belongs to, for ever."""
    bucket = int(hashlib.sha256(core(text).encode()).hexdigest()[:8], 16) % HELD_OUT
    return "test" if bucket == 0 else "train"


class Sampler:
    """All intents, plus open text: sentences outside the domain and "repeat after me"."""

    def __init__(
        self,
        split: Split,
        sentences: Sequence[str] = (),
        words: Sequence[str] = (),
        open_share: float = 0.0,
    ) -> None:
        self.split = split
        self.sentences = sentences
        self.words = words
        self.open_share = open_share if sentences else 0.0
        self._names = list(INTENTS)
        self._weights = [INTENTS[name][1] for name in self._names]
        self._follow_names = [name for name, skill in SKILLS.items() if skill.changes]
        self._follow_weights = [INTENTS[name][1] for name in self._follow_names]

    def draw(self, rng: random.Random, intent: str | None = None) -> Item:
        """``intent``: a key of INTENTS, or open, repeat, unfinished, context."""
        if intent == "unfinished":
            return self._cut(rng)[0]
        if intent == "context":
            return dataclasses.replace(context.nothing_before(rng), intent=intent)
        while True:
            item, name = self._candidate(rng, intent)
            if self._allowed(item.text, name):
                return dataclasses.replace(item, intent=name)

    def _allowed(self, text: str, intent: str) -> bool:
        """The one place that keeps the splits apart."""
        if not 2 <= len(text) <= MAX_CHARACTERS:
            return False
        return intent not in COMPOSITIONAL or split_of(text) == self.split

    def _candidate(self, rng: random.Random, intent: str | None) -> tuple[Item, str]:
        if intent is None and rng.random() < self.open_share:
            intent = "repeat" if rng.random() < 0.3 else "open"
        if intent == "repeat":
            return self._repeat(rng), intent
        if intent == "open":
            return self._open(rng), intent
        name = intent or rng.choices(self._names, self._weights)[0]
        return INTENTS[name][0](rng), name

    def _open(self, rng: random.Random) -> Item:
        """Anything that is not a request nano knows: quoted in the thought, then declined."""
        if rng.random() < 0.08:
            text = " ".join(rng.choice(self.words) for _ in range(rng.randint(1, 6)))
        else:
            text = _excerpt(rng, rng.choice(self.sentences).split(), 5, 16, whole=0.9)
        return Item(text, call("unknown"), social.refusal(text))

    def _repeat(self, rng: random.Random) -> Item:
        if rng.random() < 0.7:
            phrase = _excerpt(rng, rng.choice(self.sentences).split(), 2, 9, whole=0.0)
        else:
            phrase = " ".join(rng.choice(self.words) for _ in range(rng.randint(1, 4)))
        lead = rng.choice(["repeat after me", "say", "please say", "repeat", "can you say",
                           "please repeat after me", "repeat the words",
                           "say the words"])  # fmt: skip
        return Item(f"{lead} {phrase}", call("repeat_after"), capital(phrase) + ".")

    def _cut(self, rng: random.Random) -> tuple[Item, str, Item, Slots]:
        """An unfinished item, its rest, the whole request (of this split), and its slots."""
        while True:
            name = rng.choices(self._names, self._weights)[0]
            if name in ("acoustic", "digits", "reply", "navigation", "greeting", "chat"):
                continue
            whole, slots = self._whole(rng, name)
            found = unfinished.cut(rng, whole)
            if found is not None:
                return *found, whole, slots

    def _whole(self, rng: random.Random, name: str) -> tuple[Item, Slots]:
        """An allowed item of one intent, with its slots where it has any."""
        while True:
            slots: Slots = {}
            if name in SKILLS:
                slots = SKILLS[name].draw(rng)
                item = SKILLS[name].item(rng, slots)
            else:
                item = INTENTS[name][0](rng)
            if self._allowed(item.text, name):
                return dataclasses.replace(item, intent=name), slots

    def draw_typed(self, rng: random.Random) -> Item:
        """For text-only turns: heavy on what must be computed. ``typed_form`` writes it out."""
        favourite = rng.choice(TEXT_FAVOURITES) if rng.random() < 0.5 else None
        return self.draw(rng, favourite)

    def dialogue(self, rng: random.Random) -> list[Item]:
        """One to four turns from the start of a conversation, each needing those before it.

        The opening request decides the split; where it is not compositional, all texts together.
        """
        if rng.random() < 0.04:
            return [self.draw(rng, "context")]
        while True:
            items, compositional = self._dialogue(rng)
            if any(not 2 <= len(item.text) <= MAX_CHARACTERS for item in items):
                continue
            if compositional or split_of(" / ".join(item.text for item in items)) == self.split:
                return items

    def _dialogue(self, rng: random.Random) -> tuple[list[Item], bool]:
        kind = rng.random()
        if kind < 0.16:
            cut, rest, whole, slots = self._cut(rng)
            steps = (f"together: {whole.text}", *whole.steps)
            opening = [cut, dataclasses.replace(whole, text=rest, steps=steps)]
        elif kind < 0.22:
            opening, name, slots = missing.filled(rng)
            whole = opening[-1]
        else:
            if kind < 0.42:
                name = rng.choice(["math", "math", "percent", "doubles", "average"])
            else:
                name = rng.choices(self._follow_names, self._follow_weights)[0]
            whole, slots = self._whole(rng, name)
            opening = [whole]
        skill = whole.intent if whole.intent in SKILLS else None
        compositional = opening[0].intent != "missing" and whole.intent in COMPOSITIONAL
        talk = dialogue.talk_of(opening, skill, slots)
        wanted = rng.choices([2, 3, 4], [60, 28, 12])[0]
        while len(talk.turns) < wanted:
            if dialogue.follow(rng, talk, SKILLS) is None:
                break
        if len(talk.turns) < 4 and rng.random() < 0.06:
            dialogue.close(rng, talk, lambda name: self.draw(rng, name))
        return talk.turns, compositional

    def tool_result(self, rng: random.Random, item: Item) -> Item:
        """What the app gives back for this item's call: done, data, or a failure."""
        return results.result_of(rng, item)


def _excerpt(
    rng: random.Random, sentence: list[str], shortest: int, longest: int, whole: float
) -> str:
    if len(sentence) <= longest and rng.random() < whole:
        return " ".join(sentence)
    size = min(len(sentence), rng.randint(shortest, longest))
    start = rng.randint(0, len(sentence) - size)
    return " ".join(sentence[start : start + size])
