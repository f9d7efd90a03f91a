"""Decide how one turn sounds: recording conditions, edges, and the words that describe them.

Pure and cheap: it runs in loader processes. ``augment.py`` turns the numbers into audio on the
GPU.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Literal

from aloud_nano.config import (
    BLOCK_SAMPLES,
    CTC_ALPHABET,
    EMBEDS_PER_BLOCK,
    SAMPLE_RATE,
    WARPS,
)
from aloud_nano.grammar import Sampler
from aloud_nano.grammar.item import Item
from aloud_nano.grammar.numbers import with_digits
from aloud_nano.grammar.sound import (
    NO_VOICE,
    NOT_UNDERSTOOD,
    NOTHING_HEARD,
    Acoustics,
    answer,
    describe,
    is_clear,
    phrase,
    pitch_of,
    tempo_of,
)
from aloud_nano.sounds import LENGTH
from aloud_nano.turns import NOBODY, UNCLEAR, Turn, TurnWriter

Kind = Literal["speech", "sound", "silence", "noise", "unclear"]
MAX_BLOCKS = 20
THINK_SHARE = 0.82
_CLASS = {letter: index + 1 for index, letter in enumerate(CTC_ALPHABET)}
_LEVELS = {"quiet": (-46, -38), "normal": (-30, -22), "loud": (-16, -10)}  # dBFS, speech RMS
_SNRS = {"clean": (28, 60), "some": (10, 20), "heavy": (1, 8)}  # dB


@dataclass(frozen=True)
class BankIndex:
    """What loader processes need to know of the sound bank (its audio stays on the GPU)."""

    kinds: list[str]
    counts: list[int]
    lengths: list[int]


@dataclass
class Scene:
    """Numbers for the renderer. Times in samples, levels in dB."""

    kind: Kind
    turn: Turn
    ctc: list[int]
    offset: int  # of the clip in the PCM store
    samples: int
    before: int
    total: int  # everything after is exact zeros up to the block border
    level: float
    snr: float
    noise_colour: float
    silent_floor: bool  # no noise at all: digital silence around the speech
    reverb_time: float
    direct_ratio: float
    low_pass: float
    high_pass: float
    tilt: float
    sound: int  # index into the bank, -1 for none
    sound_start: int
    sound_snr: float
    warp: int

    @property
    def blocks(self) -> int:
        return -(-self.total // BLOCK_SAMPLES)


@dataclass
class Conditions:
    level: float
    snr: float
    sound: Acoustics
    bank_entry: int


class Director:
    """Draws scenes and typed turns for training."""

    def __init__(self, writer: TurnWriter, bank: BankIndex, typed: Sampler) -> None:
        self.writer = writer
        self.bank = bank
        self.typed_sampler = typed

    def typed(self, rng: random.Random) -> Turn:
        """A text-only turn, sometimes as people type: capitals, digits, a mark at the end."""
        item: Item = self.typed_sampler.draw_typed(rng)
        text = item.text
        if rng.random() < 0.4:
            text = with_digits(text)
        if rng.random() < 0.4:
            text = text[:1].upper() + text[1:]
            if rng.random() < 0.7:
                question = text.split()[0].lower() in (
                    "what", "what's", "how", "is", "am", "do", "does", "can", "which", "who",
                    "will", "may", "are", "did",
                )  # fmt: skip
                text += "?" if question else "."
        think = rng.random() < THINK_SHARE
        return self.writer.typed(text, item.call, item.answer or NO_VOICE, think)

    def speech(self, rng: random.Random, entry: dict[str, Any]) -> Scene:
        warp = (
            0
            if rng.random() < 0.45 or entry["question"] == "pitch"
            else rng.randrange(1, len(WARPS))
        )
        conditions = self._conditions(rng, entry, warp)
        text = entry["text"]
        if entry["answer"] is not None:
            reply = entry["answer_ids"]
        else:
            reply = self.writer.encode(answer(entry["question"], conditions.sound))
        think = bool(text) and rng.random() < THINK_SHARE
        return self._scene(
            rng, "speech", entry, conditions, warp, entry["semantic"],
            " " + describe(conditions.sound), reply, think, [_CLASS[c] for c in text],
        )  # fmt: skip

    def usable(self, entry: dict[str, Any]) -> bool:
        """A question about the voice needs a voice that is clearly one thing or the other."""
        question = entry["question"]
        return question is None or is_clear(
            question, entry["pitch"], entry["rate"], len(entry["text"]), entry["whispered"]
        )

    def unclear(self, rng: random.Random, entry: dict[str, Any]) -> Scene:
        conditions = self._conditions(rng, entry, 0)
        conditions.snr, conditions.bank_entry = rng.uniform(-16, -11), -1
        return self._scene(
            rng, "unclear", entry, conditions, 0, self.writer.encode(UNCLEAR),
            " There is heavy noise.", self.writer.encode(NOT_UNDERSTOOD),
            rng.random() < THINK_SHARE, [],
        )  # fmt: skip

    def no_speech(self, rng: random.Random, kind: Kind) -> Scene:
        """A sound, nothing, or nothing but noise."""
        entry = -1
        samples = int(rng.uniform(0.3, 4.0) * SAMPLE_RATE)
        level, snr = -60.0, 40.0
        if kind == "sound":
            entry = rng.randrange(len(self.bank.kinds))
            samples = self.bank.lengths[entry]
            name, count = self.bank.kinds[entry], self.bank.counts[entry]
            heard = phrase(name, count)
            semantic = f"{NOBODY} sound({name}{f', {count}' if count else ''})."
            acoustic, reply = f" I hear {heard}.", f"I hear {heard}."
            level, snr = rng.uniform(-35, -12), rng.uniform(8, 60)
        elif kind == "silence":
            semantic, acoustic, reply = NOBODY, " It is silent.", NOTHING_HEARD
        else:
            semantic, acoustic, reply = NOBODY, " There is only noise.", "I hear only noise."
            level = rng.uniform(-42, -12)
        conditions = Conditions(level, snr, Acoustics(), entry)
        encode = self.writer.encode
        clip = {"offset": 0, "samples": samples}
        return self._scene(
            rng, kind, clip, conditions, 0, encode(semantic), acoustic, encode(reply),
            rng.random() < THINK_SHARE, [],
        )  # fmt: skip

    def _conditions(self, rng: random.Random, entry: dict[str, Any], warp: int) -> Conditions:
        loudness = rng.choices(["quiet", "normal", "loud"], [0.25, 0.5, 0.25])[0]
        noise = rng.choices(["clean", "some", "heavy"], [0.55, 0.28, 0.17])[0]
        background = rng.randrange(len(self.bank.kinds)) if rng.random() < 0.25 else -1
        sound = Acoustics(
            pitch=pitch_of(entry["pitch"] * WARPS[warp]),
            tempo=tempo_of(entry["rate"]),
            loudness=loudness,
            whispered=entry["whispered"],
            echo=rng.random() < 0.2,
            noise=noise,
            background=self.bank.kinds[background] if background >= 0 else "none",
        )
        return Conditions(
            rng.uniform(*_LEVELS[loudness]), rng.uniform(*_SNRS[noise]), sound, background
        )

    def _scene(
        self, rng: random.Random, kind: Kind, clip: dict[str, Any], conditions: Conditions,
        warp: int, semantic: list[int], acoustic: str, reply: list[int], think: bool,
        ctc: list[int],
    ) -> Scene:  # fmt: skip
        samples = clip["samples"]
        before, after = edges(rng)
        spare = MAX_BLOCKS * BLOCK_SAMPLES - samples
        before = min(before, spare // 2)
        after = min(after, spare - before)
        total = before + samples + after
        blocks = -(-total // BLOCK_SAMPLES)
        start = before
        if kind == "speech" and conditions.bank_entry >= 0:
            active = min(LENGTH, self.bank.lengths[conditions.bank_entry])
            start = int(rng.uniform(0, max(1, total - active * 0.8)))
        echo = conditions.sound.echo
        phone = rng.random()
        turn = self.writer.spoken(blocks * EMBEDS_PER_BLOCK, semantic, acoustic, reply, think)
        return Scene(
            kind=kind, turn=turn, ctc=ctc, offset=clip["offset"], samples=samples,
            before=before, total=total, level=conditions.level, snr=conditions.snr,
            noise_colour=rng.choice([0, 0, 0.5, 1, 1.5, 2]),
            silent_floor=kind in ("speech", "sound", "silence")
            and conditions.snr > 27 and rng.random() < 0.5,
            reverb_time=rng.uniform(0.7, 1.3) if echo else rng.uniform(0.03, 0.22),
            direct_ratio=rng.uniform(-4, 1) if echo else rng.uniform(9, 25),
            low_pass=rng.uniform(3200, 6500) if phone < 0.25 else 9000.0,
            high_pass=rng.uniform(80, 350) if phone > 0.75 or phone < 0.1 else 1.0,
            tilt=rng.uniform(-3, 3), sound=conditions.bank_entry, sound_start=start,
            sound_snr=rng.uniform(-3, 9), warp=warp,
        )  # fmt: skip


def edges(rng: random.Random) -> tuple[int, int]:
    """Samples before and after the speech: the gateway keeps 300 ms and waits 500 ms."""
    if rng.random() < 0.5:
        before, after = rng.gauss(0.30, 0.05), rng.gauss(0.50, 0.08)
    else:
        before, after = rng.uniform(0.03, 0.6), rng.uniform(0.08, 0.9)
    return int(max(0.02, before) * SAMPLE_RATE), int(max(0.05, after) * SAMPLE_RATE)
