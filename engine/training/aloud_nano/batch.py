"""Pack turns into batches of one fixed shape, so that the GPU code compiles once.

Utterances share encoder rows (whole blocks, masked apart); conversations of 1–4 turns share
decoder rows (masked apart, positions restart), so that earlier turns in the cache are familiar.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aloud_nano.config import EMBEDS_PER_BLOCK
from aloud_nano.scene import MAX_BLOCKS, RENDER_FLOATS, RENDER_INTEGERS, Scene
from aloud_nano.turns import Turn

Batch = dict[str, NDArray]
IGNORE = -100

_INTEGERS = RENDER_INTEGERS
_FLOATS = RENDER_FLOATS


@dataclass(frozen=True)
class BatchShape:
    audio_rows: int = 160  # of MAX_BLOCKS blocks
    text_rows: int = 72
    text_length: int = 704

    @property
    def audio_embeds(self) -> int:
        return self.audio_rows * MAX_BLOCKS * EMBEDS_PER_BLOCK


@dataclass
class Conversation:
    turns: list[tuple[Turn, Scene | None]]

    @property
    def tokens(self) -> int:
        return sum(len(turn.ids) for turn, _ in self.turns)

    @property
    def scenes(self) -> list[Scene]:
        return [scene for _, scene in self.turns if scene is not None]


def draw_conversation(
    rng: random.Random, draw_turn: Callable[[random.Random], tuple[Turn, Scene | None]], limit: int
) -> Conversation:
    """Mostly 1–4 turns; a few long ones, so that late positions are known."""
    count = rng.choices([1, 2, 3, 4, 8], [0.36, 0.24, 0.18, 0.17, 0.05])[0]
    conversation = Conversation([])
    for _ in range(count):
        turn, scene = draw_turn(rng)
        if conversation.tokens + len(turn.ids) > limit:
            break
        conversation.turns.append((turn, scene))
    return conversation


@dataclass
class Packer:
    """First-fit packing of conversations until the next few no longer fit."""

    shape: BatchShape
    audio_free: list[int] = field(default_factory=list)
    text_used: list[int] = field(default_factory=list)
    utterances: list[tuple[Scene, int]] = field(default_factory=list)  # scene, first flat block

    def __post_init__(self) -> None:
        shape = self.shape
        self.audio_free = [MAX_BLOCKS] * shape.audio_rows
        self.text_used = [0] * shape.text_rows
        size = (shape.text_rows, shape.text_length)
        self.ids = np.zeros(size, np.int32)
        self.labels = np.full(size, IGNORE, np.int32)
        self.conversation = np.full(size, -1, np.int16)
        self.positions = np.zeros(size, np.int16)
        self.sources: list[NDArray] = []
        self.targets: list[NDArray] = []
        self.count = 0
        self.turns = 0

    def _place_audio(self, scenes: list[Scene]) -> list[int] | None:
        free = list(self.audio_free)
        places = []
        for scene in scenes:
            row = next((r for r, room in enumerate(free) if room >= scene.blocks), None)
            if row is None:
                return None
            places.append(row * MAX_BLOCKS + MAX_BLOCKS - free[row])
            free[row] -= scene.blocks
        self.audio_free = free
        return places

    def add(self, conversation: Conversation) -> bool:
        """False (and nothing changed) where it does not fit."""
        length = self.shape.text_length
        size = conversation.tokens
        row = next((r for r, used in enumerate(self.text_used) if used + size <= length), None)
        if row is None:
            return False
        places = self._place_audio(conversation.scenes)
        if places is None:
            return False
        at, start = self.text_used[row], self.text_used[row]
        for turn, scene in conversation.turns:
            size = len(turn.ids)
            self.ids[row, at : at + size] = turn.ids
            first = at + turn.first_target
            self.labels[row, first - 1 : at + size - 1] = turn.ids[turn.first_target :]
            if scene is not None:
                block = places.pop(0)
                self.utterances.append((scene, block))
                embeds = np.arange(turn.audio_embeds)
                self.sources.append(block * EMBEDS_PER_BLOCK + embeds)
                self.targets.append(row * length + at + 1 + embeds)
            at += size
            self.turns += 1
        self.conversation[row, start:at] = self.count
        self.positions[row, start:at] = np.arange(at - start)
        self.text_used[row] = at
        self.count += 1
        return True

    def finish(self, rng: np.random.Generator) -> Batch:
        shape = self.shape
        rows = shape.audio_rows * MAX_BLOCKS
        utterance = np.full(rows, -1, np.int32)
        block_position = np.zeros(rows, np.int32)
        block_index = np.zeros(rows, np.int32)
        scenes = [scene for scene, _ in self.utterances]
        for number, (scene, block) in enumerate(self.utterances):
            span = slice(block, block + scene.blocks)
            utterance[span] = number
            block_index[span] = np.arange(scene.blocks)
            late = int(rng.integers(62)) if rng.random() < 0.2 else 0
            block_position[span] = late + np.arange(scene.blocks)
        sources = np.zeros(shape.audio_embeds, np.int64)
        targets = np.full(shape.audio_embeds, shape.text_rows * shape.text_length, np.int64)
        if self.sources:
            flat = np.concatenate(self.sources)
            sources[: len(flat)] = flat
            targets[: len(flat)] = np.concatenate(self.targets)
        longest = max((len(s.ctc) for s in scenes), default=0)
        ctc = np.zeros((len(scenes), max(longest, 1)), np.int64)
        for number, scene in enumerate(scenes):
            ctc[number, : len(scene.ctc)] = scene.ctc
        batch: Batch = {
            "ids": self.ids, "labels": self.labels, "conversation": self.conversation,
            "positions": self.positions, "sources": sources, "targets": targets,
            "utterance": utterance, "block_position": block_position, "block_index": block_index,
            "first_block": np.array([block for _, block in self.utterances], np.int64),
            "ctc": ctc, "ctc_length": np.array([len(s.ctc) for s in scenes], np.int64),
            "kind": np.array([_KINDS.index(s.kind) for s in scenes], np.int64),
            "silent_floor": np.array([s.silent_floor for s in scenes], bool),
            "turns": np.array(self.turns),
        }  # fmt: skip
        for name in _INTEGERS:
            batch[name] = np.array([getattr(s, name) for s in scenes], np.int64)
        for name in _FLOATS:
            batch[name] = np.array([getattr(s, name) for s in scenes], np.float32)
        return batch


_KINDS = ("speech", "sound", "silence", "noise", "unclear")
SPEECH, SOUND, SILENCE, NOISE, UNCLEAR = range(5)


def build_batch(
    shape: BatchShape, pending: list[Conversation], draw: Callable[[], Conversation],
    rng: np.random.Generator, patience: int = 12,
) -> Batch:  # fmt: skip
    """Fill one batch; conversations that did not fit stay in ``pending`` for the next."""
    packer = Packer(shape)
    waiting, misses = pending[:], 0
    pending.clear()
    while misses < patience:
        conversation = waiting.pop() if waiting else draw()
        if not conversation.turns:
            continue
        if not packer.add(conversation):
            pending.append(conversation)
            misses += 1
    pending.extend(waiting)
    return packer.finish(rng)
