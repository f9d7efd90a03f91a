"""Decide how one turn sounds: recording conditions, edges, and the words that describe them.

Pure and cheap: it runs in loader processes. ``augment.py`` turns the numbers into audio on the
GPU. ``Scene.facts`` is what is true of the finished recording: every acoustic claim in the turn
can be checked against it (``claims.py``).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Literal

from aloud_nano.config import BLOCK_SAMPLES, CROSS_PER_BLOCK, SAMPLE_RATE, STRETCH_BLOCKS, WARPS
from aloud_nano.evidence import alone, thought
from aloud_nano.grammar.sound import (
    COUNTED,
    NOT_UNDERSTOOD,
    NOTHING_HEARD,
    Acoustics,
    Facts,
    answer,
    answer_sound,
    is_clear,
    is_sound_question,
    listed,
    pitch_of,
    tempo_of,
)
from aloud_nano.sounds import LENGTH, BankIndex
from aloud_nano.turns import NOBODY, UNCLEAR, Turn, TurnWriter

__all__ = ["MAX_BLOCKS", "BankIndex", "Director", "Kind", "Scene", "edges"]

Kind = Literal["speech", "sound", "silence", "noise", "unclear"]
KINDS: tuple[Kind, ...] = ("speech", "sound", "silence", "noise", "unclear")
SPEECH, SOUND, SILENCE, NOISE, UNCLEAR_SPEECH = range(5)
MAX_BLOCKS = STRETCH_BLOCKS
THINK_SHARE = 0.82
BACKGROUND_SHARE = 0.25  # of speech: a sound, music or other people behind it
CUT_SHARE = 0.04  # of speech: ends mid-way
LONGEST_QUESTION = 70_000  # samples: leaves room for the sound it asks about
NOBODY_TO_ME = " Nobody is speaking to me."
ONLY_BABBLE = "I hear people talking, but nobody is speaking to me."
_LEVELS = {"quiet": (-46, -38), "normal": (-30, -22), "loud": (-16, -10)}  # dBFS, speech RMS
_SNRS = {"clean": (28, 60), "some": (10, 20), "heavy": (-2, 8)}  # dB
_UNCLEAR_SNR = (-20, -10)  # dB: a clear line below what is still to be understood
_COLOURS = (-1, 0, 0, 0.5, 1, 1, 1.5, 2, 2.5)
_TASKS = {  # question → the task whose sounds it is asked about, where the names differ
    "higher": "tones", "lower": "tones", "louder": "levels", "quieter": "levels",
    "longer": "lengths", "shorter": "lengths", "highest": "three", "lowest": "three",
}  # fmt: skip


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
    sound_speed: float = 1.0  # the bank's sound is played so much faster
    ramp: float = 0.0  # dB that the speech gains from its start to its end
    noise_swing: float = 0.0  # dB of slow changes in the noise's level
    babble: int = 0  # 1: several other people talk
    babble_snr: float = 0.0
    codec: int = 0  # 0 none, 1 µ-law, 2 A-law at 8 kHz
    gaps: int = 0  # lost packets
    clip: float = 60.0  # dB above the speech's RMS at which the microphone clips
    finished: bool | None = True  # False: the user has not said all; None: nobody can say
    silent_labels: bool = False  # the words are not known: no token or CTC loss
    facts: Facts = field(default_factory=dict)

    @property
    def blocks(self) -> int:
        return -(-self.total // BLOCK_SAMPLES)


RENDER_INTEGERS = (
    "offset", "samples", "before", "total", "blocks", "sound", "sound_start", "warp", "babble",
    "codec", "gaps",
)  # fmt: skip
RENDER_FLOATS = (
    "level", "snr", "noise_colour", "reverb_time", "direct_ratio", "low_pass", "high_pass",
    "tilt", "sound_snr", "sound_speed", "ramp", "noise_swing", "babble_snr", "clip",
)  # fmt: skip


@dataclass
class Conditions:
    level: float
    snr: float
    sound: Acoustics
    bank_entry: int
    babble: int = 0
    ramp: float = 0.0
    speed: float = 1.0  # of the sound


@dataclass(frozen=True)
class Asked:
    """A sound that the speaker asks about."""

    bank_entry: int
    facts: Facts
    speed: float
    gap: int  # samples of pause between speech and sound
    first: bool  # the sound comes before the question

    def size(self, bank: BankIndex) -> int:
        return int(min(LENGTH, bank.lengths[self.bank_entry]) / self.speed)


class Director:
    """Draws scenes for training."""

    def __init__(self, writer: TurnWriter, bank: BankIndex) -> None:
        self.writer = writer
        self.bank = bank
        facts = bank.facts or [{} for _ in bank.kinds]
        self._facts = [
            known or _plain_facts(kind, count)
            for known, kind, count in zip(facts, bank.kinds, bank.counts, strict=True)
        ]
        self._plain = [i for i, known in enumerate(facts) if not known]
        self._music = [i for i in self._plain if bank.kinds[i] == "music"]
        self._by_task: dict[str, list[int]] = {}
        for index, known in enumerate(self._facts):
            task = known.get("task", "events" if "events" in known else "sound")
            self._by_task.setdefault(task, []).append(index)
        self._by_kinds: dict[frozenset[str], list[int]] = {}
        for index in self._by_task.get("events", []):
            named = frozenset(self._facts[index]["events"].split())
            self._by_kinds.setdefault(named, []).append(index)
        self._by_order: dict[frozenset[str], list[int]] = {}
        for index in self._by_task.get("order", []):
            pair = frozenset(self._facts[index]["order"].split())
            self._by_order.setdefault(pair, []).append(index)

    def speech(self, rng: random.Random, entry: dict[str, Any]) -> Scene:
        if is_sound_question(entry["question"]):
            return self._with_sound(rng, entry)
        warp = (
            0
            if rng.random() < 0.45 or entry["question"] in ("pitch", "describe")
            else rng.randrange(1, len(WARPS))
        )
        conditions = self._conditions(rng, entry, warp)
        text = entry["text"]
        if entry["answer"] is not None:
            reply = entry["answer_ids"]
        else:
            reply = self.writer.encode(answer(entry["question"], conditions.sound))
        think = bool(text) and rng.random() < THINK_SHARE
        acoustic = thought(rng, entry["question"], conditions.sound, {})
        pieces = entry.get("ctc", [])
        free = entry["question"] is None and not entry.get("in_dialogue", False)
        cut = free and conditions.ramp == 0 and rng.random() < CUT_SHARE
        if cut:  # the clip ends mid-way: all that is known is that the user has not finished
            pieces = []
            entry = entry | {"samples": int(entry["samples"] * rng.uniform(0.3, 0.8))}
        scene = self._scene(
            rng, "speech", entry, conditions, warp, entry["semantic"], acoustic, reply, think,
            pieces,
        )  # fmt: skip
        scene.finished = False if cut else entry.get("finished", True)
        scene.silent_labels = cut
        return scene

    def _with_sound(self, rng: random.Random, entry: dict[str, Any]) -> Scene:
        """The question and the sound that it is about, in one clip."""
        question = entry["question"]
        index = self._sound_for(rng, question)
        if index is None:
            raise ValueError(f"no sound in the bank answers {question!r}: see Director.usable")
        asked = Asked(
            index, self._facts[index], rng.uniform(0.87, 1.15),
            int(rng.uniform(0.1, 0.6) * SAMPLE_RATE), rng.random() < 0.25,
        )  # fmt: skip
        warp = 0 if rng.random() < 0.45 else rng.randrange(1, len(WARPS))
        conditions = self._conditions(rng, entry, warp, asked)
        return self._scene(
            rng, "speech", entry, conditions, warp, entry["semantic"],
            thought(rng, question, conditions.sound, asked.facts),
            self.writer.encode(answer_sound(question, asked.facts)),
            rng.random() < THINK_SHARE, entry.get("ctc", []), asked,
        )  # fmt: skip

    def _sound_for(self, rng: random.Random, question: str) -> int | None:
        """A bank entry that the question can be asked about."""
        name, *named = question.split(":")
        options: list[int] = []
        if name == "order":
            options = self._by_order.get(frozenset(named), [])
        elif name == "place":
            options = self._by_task.get("events", [])
        elif name in ("count", "together", "more", "difference", "first"):
            absent = name != "first" and rng.random() < 0.15  # none of one of them
            wanted = set(named[:1] if absent else named)
            groups = [ids for kinds, ids in self._by_kinds.items() if wanted <= kinds]
            if absent and name == "count":
                groups = [ids for kinds, ids in self._by_kinds.items() if not wanted & kinds]
            if name != "first":  # only "which came first" needs what it names
                groups = groups or list(self._by_kinds.values())
            options = rng.choice(groups) if groups else []
        elif name == "sound":
            options = self._plain
            if rng.random() < 0.25:
                options = self._by_task.get("events", options)
        else:
            options = self._by_task.get(_TASKS.get(name, name), [])
        return rng.choice(options) if options else None

    def usable(self, entry: dict[str, Any]) -> bool:
        """A question about the voice needs a voice that is clearly one thing or the other, one
        about a sound a sound in the bank and the room for it."""
        question = entry["question"]
        if question is None:
            return True
        if is_sound_question(question):
            known = self._sound_for(random.Random(0), question) is not None
            return known and entry["samples"] <= LONGEST_QUESTION
        if question == "pace" and entry.get("pace", "unclear") not in ("up", "down", "same"):
            return False
        return is_clear(
            question, entry["pitch"], entry["rate"], len(entry["text"]), entry["whispered"]
        )

    def unclear(self, rng: random.Random, entry: dict[str, Any]) -> Scene:
        conditions = self._conditions(rng, entry, 0)
        conditions = Conditions(conditions.level, rng.uniform(*_UNCLEAR_SNR), conditions.sound, -1)
        scene = self._scene(
            rng, "unclear", entry, conditions, 0, self.writer.encode(UNCLEAR),
            " There is heavy noise.", self.writer.encode(NOT_UNDERSTOOD),
            rng.random() < THINK_SHARE, [],
        )  # fmt: skip
        scene.noise_colour = rng.choice((-1, 0, 0, 0.5, 1))  # a low rumble would hide no words
        scene.noise_swing = 0.0
        scene.facts = {"noise": "heavy"}
        return scene

    def no_speech(self, rng: random.Random, kind: Kind) -> Scene:
        """A sound, music, other people, nothing, or nothing but noise: never a command."""
        entry, babble, semantic = -1, 0, NOBODY
        samples = int(rng.uniform(0.3, 8.0 if rng.random() < 0.3 else 4.0) * SAMPLE_RATE)
        level, snr, speed = -60.0, 40.0, 1.0
        if kind == "sound":
            entry = self._heard_alone(rng)
            facts = self._facts[entry]
            speed = rng.uniform(0.9, 1.12)
            samples = int(self.bank.lengths[entry] / speed)
            level, snr = rng.uniform(-38, -10), rng.uniform(6, 60)
            semantic = f"{NOBODY} {_sound_call(self.bank.kinds[entry], facts)}."
            reply = f"{alone(facts).strip()}"
        elif kind == "silence":
            facts, reply = {"sound": "none", "noise": "none"}, NOTHING_HEARD
        elif rng.random() < 0.4:
            facts, semantic, reply = {"sound": "babble"}, NOBODY_TO_ME, ONLY_BABBLE
            babble, level, snr = 1, rng.uniform(-42, -12), rng.uniform(8, 40)
            samples = max(samples, SAMPLE_RATE)
        else:
            facts, reply = {"sound": "none", "noise": "only"}, "I hear only noise."
            level = rng.uniform(-46, -10)
        room = Acoustics(echo=kind == "sound" and rng.random() < 0.2)
        conditions = Conditions(level, snr, room, entry, babble, speed=speed)
        encode = self.writer.encode
        clip = {"offset": 0, "samples": samples}
        scene = self._scene(
            rng, kind, clip, conditions, 0, encode(semantic), alone(facts), encode(reply),
            rng.random() < THINK_SHARE, [],
        )  # fmt: skip
        scene.facts = facts
        if babble:
            scene.babble_snr = 0.0
        return scene

    def _heard_alone(self, rng: random.Random) -> int:
        if rng.random() < 0.12 and self._by_task.get("events"):
            return rng.choice(self._by_task["events"])
        return rng.choice(self._plain)

    def _conditions(
        self, rng: random.Random, entry: dict[str, Any], warp: int, asked: Asked | None = None
    ) -> Conditions:
        question = entry["question"]
        loudness = rng.choices(["quiet", "normal", "loud"], [0.25, 0.5, 0.25])[0]
        shares = [0.55, 0.28, 0.17] if asked is None else [0.64, 0.3, 0.06]
        if question == "noise":
            shares = [1, 1, 1]
        noise = rng.choices(["clean", "some", "heavy"], shares)[0]
        background, name, babble = -1, "none", 0
        behind = {"background": 0.65, "noise": 0.0}.get(question or "", BACKGROUND_SHARE)
        if asked is not None:
            background = asked.bank_entry
        elif rng.random() < behind and self._plain:
            chance = rng.random()
            if chance < 0.3:
                babble, name = 1, "babble"
            else:
                music = self._music if chance < 0.42 else []
                background = rng.choice(music or self._plain)
                name = self.bank.kinds[background]
        ramp = "same"
        if question == "ramp":
            ramp = rng.choices(["up", "down", "same"], [0.4, 0.4, 0.2])[0]
        elif question is None and len(entry["text"]) > 20 and rng.random() < 0.05:
            ramp = rng.choice(["up", "down"])
        if ramp != "same" or question == "ramp":
            loudness = "normal"
            noise = "clean" if noise == "heavy" else noise
        hertz = entry["pitch"] * WARPS[warp]
        sound = Acoustics(
            pitch=pitch_of(hertz),
            tempo=tempo_of(entry["rate"]),
            loudness=loudness,
            whispered=entry["whispered"],
            echo=rng.random() < (0.5 if question == "room" else 0.2 if asked is None else 0.12),
            noise=noise,
            background=name,
            ramp=ramp,
            pace=entry.get("pace", "same"),
            hertz=hertz,
            letters=entry["rate"],
        )
        size = rng.uniform(11, 19)
        snr = rng.uniform(*_SNRS[noise])
        if asked is not None:
            snr = max(snr, 3.0)
        return Conditions(
            rng.uniform(*_LEVELS[loudness]), snr, sound, background, babble,
            {"up": size, "down": -size, "same": 0.0}[ramp],
            asked.speed if asked is not None else rng.uniform(0.9, 1.12),
        )  # fmt: skip

    def _scene(
        self, rng: random.Random, kind: Kind, clip: dict[str, Any], conditions: Conditions,
        warp: int, semantic: list[int], acoustic: str, reply: list[int], think: bool,
        ctc: list[int], asked: Asked | None = None,
    ) -> Scene:  # fmt: skip
        samples = clip["samples"]
        place = (
            self._places(rng, kind, samples, conditions)
            if asked is None
            else self._places_with_sound(rng, samples, asked)
        )
        before, total, start = place
        blocks = -(-total // BLOCK_SAMPLES)
        echo = conditions.sound.echo
        phone = rng.random()
        codec = rng.choice([1, 2]) if phone < 0.1 else 0
        careful = asked is not None
        turn = self.writer.spoken(blocks * CROSS_PER_BLOCK, semantic, acoustic, reply, think)
        return Scene(
            kind=kind, turn=turn, ctc=ctc, offset=clip["offset"], samples=samples,
            before=before, total=total, level=conditions.level, snr=conditions.snr,
            noise_colour=rng.choice(_COLOURS),
            silent_floor=kind in ("speech", "sound", "silence")
            and conditions.snr > 27 and rng.random() < 0.5,
            reverb_time=rng.uniform(0.5, 1.4) if echo else rng.uniform(0.03, 0.25),
            direct_ratio=rng.uniform(-6, 1) if echo else rng.uniform(7, 25),
            low_pass=rng.uniform(3200, 6500) if phone < 0.25 else 9000.0,
            high_pass=rng.uniform(80, 350) if phone > 0.75 or phone < 0.1 else 1.0,
            tilt=rng.uniform(-3, 3), sound=conditions.bank_entry, sound_start=start,
            sound_snr=rng.uniform(-4, 5) if careful else rng.uniform(-3, 9), warp=warp,
            sound_speed=conditions.speed,
            ramp=conditions.ramp,
            noise_swing=0.0 if rng.random() < 0.5 else rng.uniform(0, 5),
            babble=conditions.babble, babble_snr=rng.uniform(5, 18),
            codec=codec,
            gaps=rng.randint(1, 4) if not careful and rng.random() < 0.05 else 0,
            clip=rng.uniform(4, 11) if rng.random() < 0.04 else 60.0,
            facts=conditions.sound.facts() | (asked.facts if asked is not None else {}),
        )  # fmt: skip

    def _places(
        self, rng: random.Random, kind: Kind, samples: int, conditions: Conditions
    ) -> tuple[int, int, int]:
        """Samples before the speech, all samples, start of the background."""
        before, after = edges(rng)
        spare = MAX_BLOCKS * BLOCK_SAMPLES - samples
        before = min(before, spare // 2)
        after = min(after, spare - before)
        total = before + samples + after
        start = before
        if kind == "speech" and conditions.bank_entry >= 0:
            active = min(LENGTH, self.bank.lengths[conditions.bank_entry])
            start = int(rng.uniform(0, max(1, total - active * 0.8)))
        return before, total, start

    def _places_with_sound(
        self, rng: random.Random, samples: int, asked: Asked
    ) -> tuple[int, int, int]:
        before, after = edges(rng)
        size = asked.size(self.bank)
        spare = MAX_BLOCKS * BLOCK_SAMPLES - samples - size - asked.gap
        before = max(0, min(before, spare // 2))
        after = max(0, min(after, spare - before))
        total = before + samples + asked.gap + size + after
        if asked.first:
            return before + size + asked.gap, total, before
        return before, total, before + samples + asked.gap


def _plain_facts(kind: str, count: int) -> Facts:
    if kind in COUNTED and count:
        return {"events": " ".join([COUNTED[kind]] * count)}
    return {"sound": kind}


def _sound_call(kind: str, facts: Facts) -> str:
    """The sound of a clip without speech as a call."""
    if "events" in facts:
        return f"listen(to=sound, sounds={listed(facts).replace(', ', ' and ')})"
    return f"listen(to=sound, which={kind})"


def edges(rng: random.Random) -> tuple[int, int]:
    """Samples before and after the speech: the gateway keeps 300 ms and waits 500 ms."""
    if rng.random() < 0.5:
        before, after = rng.gauss(0.30, 0.05), rng.gauss(0.50, 0.08)
    else:
        before, after = rng.uniform(0.03, 0.6), rng.uniform(0.08, 0.9)
    return int(max(0.02, before) * SAMPLE_RATE), int(max(0.05, after) * SAMPLE_RATE)
