"""Loader processes: draw turns from shards and recordings, pack them, hand over batches."""

from __future__ import annotations

import json
import queue
import random
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from aloud_nano.batch import Batch, BatchShape, Conversation, build_batch, draw_conversation
from aloud_nano.grammar import Sampler
from aloud_nano.scene import MAX_BLOCKS, BankIndex, Director, Scene
from aloud_nano.tokens import load_tokenizer
from aloud_nano.turns import Turn, TurnWriter

Entry = dict[str, Any]


@dataclass(frozen=True)
class Mix:
    """Shares of turns; what is left is synthesised speech."""

    typed: float = 0.22
    sound: float = 0.05
    silence: float = 0.02
    noise: float = 0.02
    unclear: float = 0.02
    real: float = 0.10  # of speech


@dataclass(frozen=True)
class LoaderSetup:
    tokenizer: Path
    text: Path
    bank: BankIndex
    shape: BatchShape
    real: list[Entry]  # with offsets into the PCM store
    mix: Mix = Mix()


class TurnSource:
    """Everything one loader process draws from."""

    def __init__(self, setup: LoaderSetup, seed: int) -> None:
        stored = json.loads(setup.text.read_text())
        typed = Sampler("train", stored["sentences"], stored["words"], open_share=0.12)
        writer = TurnWriter(load_tokenizer(setup.tokenizer))
        self.director = Director(writer, setup.bank, typed)
        self.mix = setup.mix
        self.real = [entry | writer.stored(entry) for entry in setup.real]
        self.synthetic: list[Entry] = []
        self.rng = random.Random(seed)

    def add_shard(self, path: Path, offset: int) -> None:
        for entry in json.loads(path.read_text()):
            entry["offset"] += offset
            self.synthetic.append(entry)

    def turn(self, rng: random.Random) -> tuple[Turn, Scene | None]:
        mix, chance = self.mix, rng.random()
        if chance < mix.typed:
            return self.director.typed(rng), None
        chance -= mix.typed
        for kind in ("sound", "silence", "noise"):
            share = getattr(mix, kind)
            if chance < share:
                scene = self.director.no_speech(rng, kind)
                return scene.turn, scene
            chance -= share
        entry = self._speech(rng)
        if chance < mix.unclear:
            scene = self.director.unclear(rng, entry)
        else:
            scene = self.director.speech(rng, entry)
        return scene.turn, scene

    def _speech(self, rng: random.Random) -> Entry:
        if self.real and rng.random() < self.mix.real:
            return rng.choice(self.real)
        while True:
            entry = rng.choice(self.synthetic)
            if self.director.usable(entry):
                return entry

    def conversation(self, limit: int) -> Conversation:
        return draw_conversation(self.rng, self.turn, limit)


def _work(setup: LoaderSetup, seed: int, shards: Any, batches: Any) -> None:
    source = TurnSource(setup, seed)
    numbers = np.random.default_rng(seed)
    pending: list[Conversation] = []
    while True:
        try:
            while True:
                source.add_shard(*shards.get_nowait())
        except queue.Empty:
            pass
        if not source.synthetic:
            time.sleep(0.2)
            continue
        batches.put(
            build_batch(
                setup.shape, pending, lambda: source.conversation(setup.shape.text_length), numbers
            )
        )


class Loader:
    """Background processes; ``get`` returns the next batch."""

    def __init__(self, setup: LoaderSetup, workers: int, seed: int = 0) -> None:
        context = get_context("fork")
        self.batches = context.Queue(maxsize=3 * workers)
        self.inboxes = [context.Queue() for _ in range(workers)]
        self.processes = [
            context.Process(
                target=_work, args=(setup, seed * 1000 + i, inbox, self.batches), daemon=True
            )
            for i, inbox in enumerate(self.inboxes)
        ]
        for process in self.processes:
            process.start()

    def announce(self, shard: Path, offset: int) -> None:
        """A shard's audio is on the GPU from ``offset`` on: its entries may be drawn."""
        for inbox in self.inboxes:
            inbox.put((shard, offset))

    def get(self) -> Batch:
        while True:
            try:
                return self.batches.get(timeout=20)
            except queue.Empty:
                dead = [p for p in self.processes if not p.is_alive()]
                if dead:
                    raise RuntimeError(f"{len(dead)} loader processes died") from None

    def close(self) -> None:
        for process in self.processes:
            process.terminate()


def real_speech(index: list[Entry], offset: int) -> list[Entry]:
    """Training clips of the recordings, weighted by repetition; labels must be there."""
    weights = {"read-sentences": 2, "coffee-orders": 3, "wake-words": 1, "single-words": 1}
    entries: list[Entry] = []
    for clip in index:
        if clip["set"] not in weights or clip["split"] != "train":
            continue
        missing = {"pitch", "rate", "text", "call", "answer"} - clip.keys()
        if missing:
            raise ValueError(f"recordings.json: a clip of {clip['set']} lacks {sorted(missing)}")
        if clip["samples"] > (MAX_BLOCKS * 0.48 - 0.5) * 16_000:
            continue
        entry = clip | {
            "offset": clip["offset"] + offset, "whispered": False, "question": None,
            "engine": "real", "voice": clip["set"],
        }  # fmt: skip
        entries += [entry] * weights[clip["set"]]
    if not any(entry["pitch"] > 0 for entry in entries):
        raise ValueError("recordings.json: no measured pitch at all")
    return entries
