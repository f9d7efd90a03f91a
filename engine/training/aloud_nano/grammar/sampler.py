"""Draw items, balanced over intents, with a split that training cannot cross.

Texts of compositional intents (those with so many sentences that unseen ones are a fair test) are
held out by a hash of the text. ``Sampler`` is bound to one split and never returns the other's.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections.abc import Callable, Sequence
from typing import Literal

from aloud_nano.grammar import arithmetic, home, knowledge, social, sound
from aloud_nano.grammar.item import Item, capital

Split = Literal["train", "test"]
MAX_CHARACTERS = 118
HELD_OUT = 20  # one text in 20

# intent → (generator, weight)
INTENTS: dict[str, tuple[Callable[[random.Random], Item], float]] = {
    "math": (arithmetic.math, 9),
    "compare": (arithmetic.compare, 5),
    "convert": (arithmetic.convert, 5),
    "time": (arithmetic.clock_shift, 5),
    "day": (arithmetic.day, 4),
    "month": (arithmetic.month, 3),
    "count": (arithmetic.count, 4),
    "digits": (arithmetic.digits, 4),
    "timer": (home.timer, 6),
    "alarm": (home.alarm, 6),
    "remind": (home.remind, 7),
    "lights": (home.lights, 6),
    "thermostat": (home.thermostat, 5),
    "music": (home.music, 4),
    "volume": (home.volume, 4),
    "door": (home.door, 3),
    "fact": (knowledge.fact, 8),
    "spell": (knowledge.spell, 4),
    "letters": (knowledge.letters, 4),
    "shopping": (social.shopping, 4),
    "call": (social.call, 3),
    "weather": (social.weather, 3),
    "coffee": (social.coffee, 7),
    "chat": (social.chat, 6),
    "acoustic": (sound.ask, 12),
}
COMPOSITIONAL = frozenset(
    "math compare convert time count timer alarm remind lights thermostat volume coffee shopping "
    "repeat open".split()
)
# Fixed phrases inside compositional intents belong to both splits: held out, they would simply
# be unknown (version 1.0.0 never heard "louder please" for this reason).
FIXED = frozenset(text for text, _, _ in home.VOLUME_PHRASES)
TEXT_FAVOURITES = ("math", "math", "math", "time", "day", "convert", "compare", "letters", "count")


def split_of(text: str) -> Split:
    """Which split a compositional text belongs to, for ever."""
    bucket = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % HELD_OUT
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

    def draw(self, rng: random.Random, intent: str | None = None) -> Item:
        while True:
            item, name = self._candidate(rng, intent)
            if not 2 <= len(item.text) <= MAX_CHARACTERS:
                continue
            compositional = name in COMPOSITIONAL and item.text not in FIXED
            if compositional and split_of(item.text) != self.split:
                continue
            return dataclasses.replace(item, intent=name)

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
        return Item(text, "unknown()", sound.REFUSAL)

    def _repeat(self, rng: random.Random) -> Item:
        if rng.random() < 0.7:
            phrase = _excerpt(rng, rng.choice(self.sentences).split(), 2, 9, whole=0.0)
        else:
            phrase = " ".join(rng.choice(self.words) for _ in range(rng.randint(1, 4)))
        lead = rng.choice(["repeat after me", "say", "please say", "repeat"])
        return Item(f"{lead} {phrase}", "echo()", capital(phrase) + ".")

    def draw_typed(self, rng: random.Random) -> Item:
        """For text-only turns: heavy on what must be computed."""
        favourite = rng.choice(TEXT_FAVOURITES) if rng.random() < 0.5 else None
        return self.draw(rng, favourite)


def _excerpt(
    rng: random.Random, sentence: list[str], shortest: int, longest: int, whole: float
) -> str:
    if len(sentence) <= longest and rng.random() < whole:
        return " ".join(sentence)
    size = min(len(sentence), rng.randint(shortest, longest))
    start = rng.randint(0, len(sentence) - size)
    return " ".join(sentence[start : start + size])
