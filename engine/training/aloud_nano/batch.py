"""Pack turns into batches of one fixed shape, so that the GPU code compiles once.

Utterances share encoder rows (whole blocks, masked apart); conversations of several turns share
decoder rows (masked apart, positions of their own), so that earlier turns in the cache are
familiar. Every spoken turn has a row in the cross index: its tokens and its frames.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aloud_nano.config import BLOCK_SAMPLES, CONTEXT_LENGTH, CROSS_PER_BLOCK, SAMPLE_RATE
from aloud_nano.scene import KINDS, MAX_BLOCKS, RENDER_FLOATS, RENDER_INTEGERS, Scene
from aloud_nano.turns import IGNORE, Turn

Batch = dict[str, NDArray]

MAX_FRAMES = MAX_BLOCKS * CROSS_PER_BLOCK
CROSS_WIDTH = MAX_FRAMES + 7  # with the sink a multiple of 8, as attention kernels want it
HEARD_END = int(0.06 * SAMPLE_RATE)  # silence after the last word before an end can be told
WORDLESS = ("sound", "silence", "noise")  # nothing is said to nano: no live transcript either
UNKNOWN = -1.0  # an end-of-turn label that is not learned


@dataclass(frozen=True)
class BatchShape:
    audio_rows: int = 128  # of MAX_BLOCKS blocks
    text_rows: int = 64
    text_length: int = 704
    spoken: int = 480  # spoken turns at most
    turn_tokens: int = 208  # tokens of a spoken turn at most


@dataclass
class Conversation:
    turns: list[tuple[Turn, Scene | None]]

    @property
    def tokens(self) -> int:
        return sum(len(turn.ids) for turn, _ in self.turns)

    @property
    def scenes(self) -> list[Scene]:
        return [scene for _, scene in self.turns if scene is not None]


Piece = list[tuple[Turn, Scene | None]]  # turns that depend on each other


def draw_conversation(
    rng: random.Random, draw: Callable[[random.Random, bool], Piece], shape: BatchShape,
    opening: Piece,
) -> Conversation:  # fmt: skip
    """Mostly 1–4 pieces after ``opening``; a few long ones, so that late positions are known.

    ``draw`` is told whether anything was said before, and may give nothing.
    """
    count = rng.choices([1, 2, 3, 4, 8], [0.42, 0.24, 0.16, 0.13, 0.05])[0]
    conversation = Conversation(list(opening))
    for _ in range(count):
        piece = draw(rng, len(conversation.turns) == len(opening))
        size = sum(len(turn.ids) for turn, _ in piece)
        if conversation.tokens + size > shape.text_length:
            break
        if any(s is not None and len(t.ids) > shape.turn_tokens for t, s in piece):
            continue
        conversation.turns += piece
    if len(conversation.turns) == len(opening):
        conversation.turns.clear()
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
        spare = shape.text_rows * shape.text_length
        self.queries = np.full((shape.spoken, shape.turn_tokens), spare, np.int64)
        self.frames = np.zeros((shape.spoken, CROSS_WIDTH), np.int64)
        self.frame_count = np.zeros(shape.spoken, np.int64)
        self.count = 0
        self.turns = 0
        self.first_fit = 0  # audio rows before it are full

    def _place_audio(self, scenes: list[Scene]) -> list[int] | None:
        if len(self.utterances) + len(scenes) > self.shape.spoken:
            return None
        free = self.audio_free
        places: list[int] = []
        taken: list[tuple[int, int]] = []
        for scene in scenes:
            row = next(
                (r for r in range(self.first_fit, len(free)) if free[r] >= scene.blocks), None
            )
            if row is None:
                for place, blocks in taken:
                    free[place] += blocks
                return None
            places.append(row * MAX_BLOCKS + MAX_BLOCKS - free[row])
            free[row] -= scene.blocks
            taken.append((row, scene.blocks))
        while self.first_fit < len(free) and free[self.first_fit] == 0:
            self.first_fit += 1
        return places

    def add(self, conversation: Conversation, first_position: int = 0) -> bool:
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
            self.labels[row, at : at + size - 1] = turn.labels[1:]
            if scene is not None:
                self._attend(scene, places.pop(0), row * length + at, size)
                if scene.silent_labels:
                    self.labels[row, at : at + size] = IGNORE
            at += size
            self.turns += 1
        self.conversation[row, start:at] = self.count
        self.positions[row, start:at] = (first_position + np.arange(at - start)) % CONTEXT_LENGTH
        self.text_used[row] = at
        self.count += 1
        return True

    def _attend(self, scene: Scene, block: int, first: int, size: int) -> None:
        """From <|audio|>, the turn's second token, on."""
        number = len(self.utterances)
        self.queries[number, : size - 1] = first + 1 + np.arange(size - 1)
        count = scene.blocks * CROSS_PER_BLOCK
        self.frames[number, :count] = block * CROSS_PER_BLOCK + np.arange(count)
        self.frame_count[number] = count
        self.utterances.append((scene, block))

    def finish(self, rng: np.random.Generator) -> Batch:
        rows = self.shape.audio_rows * MAX_BLOCKS
        utterance = np.full(rows, -1, np.int32)
        block_position = np.zeros(rows, np.int32)
        block_index = np.zeros(rows, np.int32)
        ended = np.full(rows, UNKNOWN, np.float32)
        scenes = [scene for scene, _ in self.utterances]
        for number, (scene, block) in enumerate(self.utterances):
            span = slice(block, block + scene.blocks)
            utterance[span] = number
            block_index[span] = np.arange(scene.blocks)
            late = int(rng.integers(62)) if rng.random() < 0.2 else 0
            block_position[span] = late + np.arange(scene.blocks)
            ended[span] = end_of_turn(scene)
        known = [[] if scene.silent_labels else scene.ctc for scene in scenes]
        ctc = np.zeros((len(scenes), max([1, *map(len, known)])), np.int64)
        for number, pieces in enumerate(known):
            ctc[number, : len(pieces)] = pieces
        batch: Batch = {
            "ids": self.ids, "labels": self.labels, "conversation": self.conversation,
            "positions": self.positions, "queries": self.queries, "frames": self.frames,
            "frame_count": self.frame_count, "utterance": utterance,
            "block_position": block_position, "block_index": block_index, "ended": ended,
            "first_block": np.array([block for _, block in self.utterances], np.int64),
            "ctc": ctc, "ctc_length": np.array([len(p) for p in known], np.int64),
            "wordless": np.array([s.kind in WORDLESS for s in scenes], bool),
            "kind": np.array([KINDS.index(s.kind) for s in scenes], np.int64),
            "silent_floor": np.array([s.silent_floor for s in scenes], bool),
            "turns": np.array(self.turns),
        }  # fmt: skip
        for name in RENDER_INTEGERS:
            batch[name] = np.array([getattr(s, name) for s in scenes], np.int64)
        for name in RENDER_FLOATS:
            batch[name] = np.array([getattr(s, name) for s in scenes], np.float32)
        return batch


def end_of_turn(scene: Scene) -> NDArray[np.float32]:
    """For every block: 1 where the user has finished, 0 where not, UNKNOWN where nobody can say."""
    labels = np.full(scene.blocks, UNKNOWN, np.float32)
    if scene.kind != "speech":
        return labels
    end = scene.before + scene.samples
    for block in range(scene.blocks):
        until = (block + 1) * BLOCK_SAMPLES
        if scene.before + SAMPLE_RATE // 5 <= until <= end:
            labels[block] = 0.0
        elif until >= end + HEARD_END and scene.finished is not None:
            labels[block] = float(scene.finished)
    return labels


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
        late = int(rng.integers(CONTEXT_LENGTH)) if rng.random() < 0.35 else 0
        if not packer.add(conversation, late):
            pending.append(conversation)
            misses += 1
    pending.extend(waiting)
    return packer.finish(rng)
