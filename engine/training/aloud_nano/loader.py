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
from tokenizers import Tokenizer

from aloud_nano.batch import Batch, BatchShape, Conversation, Piece, build_batch, draw_conversation
from aloud_nano.grammar import ONLY_FIRST, TOOLS, Item, Sampler, typed_form
from aloud_nano.grammar.sound import NO_LISTENING, NO_VOICE, is_sound_question
from aloud_nano.scene import MAX_BLOCKS, THINK_SHARE, BankIndex, Director
from aloud_nano.tokens import load_tokenizer
from aloud_nano.turns import TurnWriter, cut_short

Entry = dict[str, Any]

# Of the draws of a real set so many teach their words. The one reader's 888 sentences would be
# heard a hundred times: nano then knows them by heart, and recites them when she reads others
# (0 against 38 % word errors). The ears follow Whisper on all of them, and the live transcript's
# head, which can recite little, learns from all of them.
WORDS_LEARNED = {"read-sentences": 0.05}

TOOL_NAMES = tuple(name for name, tool in TOOLS.items() if tool.kind != "own")


@dataclass(frozen=True)
class Mix:
    """Shares of pieces; what is left is synthesised speech."""

    typed: float = 0.16
    typed_dialogue: float = 0.04
    sound: float = 0.05
    silence: float = 0.015
    noise: float = 0.06
    unclear: float = 0.025
    real: float = 0.08  # of speech
    spliced: float = 0.5  # of real speech: as far as there is any
    neural: float = 0.0  # of synthesised speech: as far as there is any
    tools: float = 0.12  # of conversations: the application declares tools
    cut: float = 0.07  # of thoughts: closed early


@dataclass(frozen=True)
class LoaderSetup:
    tokenizer: Path
    hearing: Path
    text: Path
    bank: BankIndex
    shape: BatchShape
    real: list[Entry]  # with offsets into the PCM store
    mix: Mix = Mix()


class TurnSource:
    """Everything one loader process draws from."""

    def __init__(self, setup: LoaderSetup, seed: int) -> None:
        stored = json.loads(setup.text.read_text())
        self.sampler = Sampler("train", stored["sentences"], stored["words"], open_share=0.12)
        self.writer = TurnWriter(
            load_tokenizer(setup.tokenizer), Tokenizer.from_file(str(setup.hearing))
        )
        self.director = Director(self.writer, setup.bank)
        self.mix = setup.mix
        self.shape = setup.shape
        self.real = [entry | self.writer.stored(entry) for entry in setup.real]
        self.synthetic: list[list[Entry]] = []  # dialogues; most are of one turn
        self.neural: list[list[Entry]] = []  # the same, of the neural voices
        self.spliced: list[Entry] = []  # pieces of recordings, put together anew
        self.rng = random.Random(seed)
        self.tools: frozenset[str] = frozenset()  # of the conversation being drawn

    def add_shard(self, path: Path, offset: int) -> None:
        for entry in json.loads(path.read_text()):
            if entry.get("split", "train") != "train":
                raise ValueError(f"{path} is of the {entry['split']} split: not to be trained on")
            entry["offset"] += offset
            if entry["engine"] == "people":
                self.spliced.append(entry)
                continue
            family = self.neural if entry["engine"] == "kokoro" else self.synthetic
            if entry.get("follows") and family:
                family[-1].append(entry)
            else:
                family.append([entry])

    def piece(self, rng: random.Random, is_first: bool) -> Piece:
        """One turn, or several that depend on each other."""
        mix, chance = self.mix, rng.random()
        if chance < mix.typed:
            return self._typed(rng, self.sampler.draw_typed(rng))
        chance -= mix.typed
        if chance < mix.typed_dialogue:
            items = self.sampler.dialogue(rng)
            if not is_first and items[0].intent in ONLY_FIRST:
                return []
            return [turn for item in items for turn in self._typed(rng, item)]
        chance -= mix.typed_dialogue
        for kind in ("sound", "silence", "noise"):
            share = getattr(mix, kind)
            if chance < share:
                scene = self.director.no_speech(rng, kind)
                return [(scene.turn, scene)]
            chance -= share
        entries = self._speech(rng, is_first)
        if chance < mix.unclear:
            scene = self.director.unclear(rng, entries[0])
            return [(scene.turn, scene)]
        all_spoken = len(entries) == 1 or rng.random() < 0.8
        turns: Piece = []
        for entry in entries:
            if all_spoken or rng.random() < 0.5:
                turns += self._spoken(rng, entry)
            else:
                turns += self._typed(rng, _item(entry))
        return turns

    def _speech(self, rng: random.Random, is_first: bool) -> list[Entry]:
        if self.real and rng.random() < self.mix.real:
            spliced = self.spliced and rng.random() < self.mix.spliced
            return [rng.choice(self.spliced if spliced else self.real)]
        neural = self.neural and (rng.random() < self.mix.neural or not self.synthetic)
        while True:
            entries = rng.choice(self.neural if neural else self.synthetic)
            if not is_first and entries[0]["intent"] in ONLY_FIRST:
                continue
            if all(self.director.usable(entry) for entry in entries):
                return entries

    def _runs(self, call: str) -> bool:
        """Whether the application has the tool of this call."""
        return call.split("(")[0] in self.tools

    def _spoken(self, rng: random.Random, entry: Entry) -> Piece:
        if rng.random() >= WORDS_LEARNED.get(entry["voice"], 1.0):
            scene = self.director.speech(rng, entry)
            scene.turn = scene.turn.unlabelled()
            return [(scene.turn, scene)]
        if not self._runs(entry["call"]) or entry["answer"] is None:
            scene = self.director.speech(rng, entry)
            if rng.random() < self.mix.cut:
                scene.turn = cut_short(scene.turn, rng)
            return [(scene.turn, scene)]
        reply = self.writer.call_reply(entry["call"])
        scene = self.director.speech(
            rng, entry | {"semantic": entry["thought"], "answer_ids": reply}
        )
        if scene.silent_labels:
            return [(scene.turn, scene)]
        return [(scene.turn, scene), *self._result(rng, _item(entry))]

    def _typed(self, rng: random.Random, item: Item) -> Piece:
        if item.result is not None:
            return []
        text, think = typed_form(item.text, rng), rng.random() < THINK_SHARE
        if self._runs(item.call) and item.answer is not None:
            turn = self.writer.typed_call(text, item.call, think, item.steps)
            return [(turn, None), *self._result(rng, item)]
        answer = item.answer or without_sound(item.question)
        turn = self.writer.typed(text, item.call, answer, think, item.steps)
        return [(cut_short(turn, rng) if rng.random() < self.mix.cut else turn, None)]

    def _result(self, rng: random.Random, item: Item) -> Piece:
        """The tool's result comes back (now and then the application keeps silent)."""
        if rng.random() < 0.15:
            return []
        made = self.sampler.tool_result(rng, item)
        think = rng.random() < THINK_SHARE
        return [(self.writer.tool_result(made.result or "", made.answer or "", think), None)]

    def conversation(self) -> Conversation:
        rng = self.rng
        self.tools = frozenset()
        opening: Piece = []
        if rng.random() < self.mix.tools:
            count = rng.choice([1, 2, 3, 5, 8, 12, 20, len(TOOL_NAMES)])
            names = rng.sample(TOOL_NAMES, min(count, len(TOOL_NAMES)))
            self.tools = frozenset(names)
            opening = [(self.writer.tools(names), None)]
        return draw_conversation(rng, self.piece, self.shape, opening)


def _item(entry: Entry) -> Item:
    return Item(
        entry["text"], entry["call"], entry["answer"], entry["intent"], entry["question"],
        tuple(entry.get("steps", ())), entry.get("finished", True),
    )  # fmt: skip


def without_sound(question: str | None) -> str:
    """What a typed question about sound is answered."""
    return NO_LISTENING if is_sound_question(question) else NO_VOICE


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
        if not (source.synthetic or source.neural):
            time.sleep(0.2)
            continue
        batches.put(build_batch(setup.shape, pending, source.conversation, numbers))


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
    weights = {"read-sentences": 3, "coffee-orders": 3, "wake-words": 1, "single-words": 1}
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
