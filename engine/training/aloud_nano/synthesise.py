"""Synthesise labelled speech in parallel, in shards that training picks up while it runs.

Usage: python -m aloud_nano.synthesise OUTPUT_DIRECTORY --count 200000 --processes 12 \
           --text text.json --tokenizer tokenizer.json --hearing hearing.json

A shard is NAME.i16 (PCM, clips back to back) and NAME.json (one entry a clip). The json is
renamed into place last: a shard that can be seen is complete. An entry that ``follows`` continues
the dialogue of the one before it, said by the same speaker.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from aloud_nano.audio import median_pitch
from aloud_nano.codec import OpusCodec
from aloud_nano.config import SAMPLE_RATE
from aloud_nano.grammar import Item, Sampler
from aloud_nano.tokens import load_tokenizer
from aloud_nano.turns import TurnWriter
from aloud_nano.voices import Speaker, Spoken, Synthesiser

SHARD = 250
LONGEST = 8.4  # seconds
SHORTEST = 0.1
OPEN_SHARE = 0.5
DIALOGUE_SHARE = 0.12  # of draws
ACOUSTIC_SHARE = 0.08  # of draws, on top of the grammar's own: their answers vary with the sound
FAVOUR_SHARE = 0.35  # of single requests, where intents are favoured
CODEC_SHARE = 0.35
BITRATES = range(12_000, 32_001, 2000)
CHANGE_SHARE = 0.03  # of longer sentences: the speaker speeds up or slows down

_tools: dict[str, Any] = {}


def start_worker(text: str, tokenizer: str, hearing: str, favour: tuple[str, ...]) -> None:
    """Per process: the sampler (bound to the training split), engines, codec, tokenizers."""
    stored = json.loads(Path(text).read_text())
    _tools["favour"] = favour
    _tools["sampler"] = Sampler("train", stored["sentences"], stored["words"], OPEN_SHARE)
    _tools["synthesiser"] = Synthesiser("train")
    _tools["codec"] = OpusCodec(complexity=3)
    _tools["writer"] = TurnWriter(load_tokenizer(Path(tokenizer)), Tokenizer.from_file(hearing))


def entry(
    item: Item, spoken: Spoken, offset: int, samples: np.ndarray, follows: bool = False
) -> dict[str, Any]:
    """What the loader needs; pitch and rate are measured, so they follow every change made."""
    seconds = len(samples) / SAMPLE_RATE
    pitch = 0.0 if spoken.whispered else median_pitch(spoken.signal)
    return {
        "text": item.text, "call": item.call, "answer": item.answer, "intent": item.intent,
        "question": item.question, "steps": list(item.steps), "finished": item.finished,
        "follows": follows, "offset": offset, "samples": len(samples), "pitch": round(pitch, 1),
        "rate": round(len(item.text) / seconds, 2), "whispered": spoken.whispered,
        "pace": spoken.pace, "engine": spoken.engine, "voice": spoken.voice,
    }  # fmt: skip


def draw_items(sampler: Sampler, rng: random.Random, favour: Sequence[str] = ()) -> list[Item]:
    """One item, or the spoken turns of a dialogue (what tools give back is not spoken).

    ``favour``: intents that a third of the draws are of, on top of their own share.
    """
    chance = rng.random()
    if chance < DIALOGUE_SHARE:
        return [item for item in sampler.dialogue(rng) if item.result is None]
    if favour and rng.random() < FAVOUR_SHARE:
        return [sampler.draw(rng, rng.choice(favour))]
    return [sampler.draw(rng, "acoustic" if chance < DIALOGUE_SHARE + ACOUSTIC_SHARE else None)]


def speak(synthesiser: Synthesiser, item: Item, rng: random.Random, speaker: Speaker) -> Spoken:
    long = item.question is None and len(item.text.split()) >= 7
    if item.question == "pace":
        change = rng.choices(["up", "down", "same"], [0.4, 0.4, 0.2])[0]
    elif long and rng.random() < CHANGE_SHARE:
        change = rng.choice(["up", "down"])
    else:
        return synthesiser.say(item.text, rng, speaker)
    return synthesiser.say_changing(item.text, rng, change, speaker)


def write_shard(base: Path, entries: list[dict[str, Any]], pieces: Sequence[np.ndarray]) -> None:
    """A shard of clips whose samples (int16) lie back to back."""
    np.concatenate(pieces).tofile(base.with_suffix(".i16"))
    base.with_suffix(".tmp").write_text(json.dumps(entries))
    base.with_suffix(".tmp").rename(base.with_suffix(".json"))


class ShardWriter:
    """Collects clips; audio and entries stay in step."""

    def __init__(self, tools: dict[str, Any]) -> None:
        self.tools = tools
        self.entries: list[dict[str, Any]] = []
        self.pieces: list[np.ndarray] = []
        self.position = 0
        self.failures = 0

    def add(self, items: list[Item], rng: random.Random) -> None:
        """Items that depend on each other: after one that cannot be said the rest is left out."""
        synthesiser = self.tools["synthesiser"]
        speaker = synthesiser.speaker(rng)
        coded, bitrate = rng.random() < CODEC_SHARE, rng.choice(BITRATES)
        for number, item in enumerate(items):
            try:
                spoken = speak(synthesiser, item, rng, speaker)
            except Exception:
                self.failures += 1
                if self.failures > 20:
                    raise
                return
            signal = spoken.signal
            if not SHORTEST < len(signal) / SAMPLE_RATE < LONGEST:
                return
            made = entry(item, spoken, self.position, signal, follows=number > 0)
            if coded:
                signal = self.tools["codec"].round_trip(signal, bitrate)
            made["in_dialogue"] = len(items) > 1
            made |= self.tools["writer"].stored(made)
            samples = (np.clip(signal, -1, 1) * 32767).astype(np.int16)
            self.entries.append(made)
            self.pieces.append(samples)
            self.position += len(samples)

    def write(self, base: Path) -> None:
        write_shard(base, self.entries, self.pieces)


def make_shard(job: tuple[str, int]) -> float:
    """Write one shard; returns its seconds of audio."""
    directory, number = job
    rng = random.Random(f"shard {number}")
    shard = ShardWriter(_tools)
    while len(shard.entries) < SHARD:
        shard.add(draw_items(_tools["sampler"], rng, _tools["favour"]), rng)
    shard.write(Path(directory) / f"shard_{number:05d}")
    return shard.position / SAMPLE_RATE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--processes", type=int, default=12)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--hearing", type=Path, required=True)
    parser.add_argument("--favour", nargs="*", default=(), help="intents to draw more of")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    jobs = [(str(args.output), number) for number in range(args.count // SHARD)]
    started, seconds = time.time(), 0.0
    setup = (str(args.text), str(args.tokenizer), str(args.hearing), tuple(args.favour))
    with multiprocessing.Pool(args.processes, start_worker, setup) as pool:
        for done, made in enumerate(pool.imap_unordered(make_shard, jobs), 1):
            seconds += made
            if done % 40 == 0 or done == len(jobs):
                spent = time.time() - started
                print(
                    f"{done}/{len(jobs)} shards, {seconds / 3600:.2f} h in {spent:.0f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
