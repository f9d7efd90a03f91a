"""Synthesise labelled speech in parallel, in shards that training picks up while it runs.

Usage: python -m aloud_nano.synthesise OUTPUT_DIRECTORY --count 200000 --processes 12 \
           --text text.json --tokenizer tokenizer.json

A shard is NAME.i16 (PCM, clips back to back) and NAME.json (one entry a clip). The json is
renamed into place last: a shard that can be seen is complete.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import time
from pathlib import Path
from typing import Any

import numpy as np

from aloud_nano.audio import median_pitch
from aloud_nano.codec import OpusCodec
from aloud_nano.config import SAMPLE_RATE
from aloud_nano.grammar import Item, Sampler
from aloud_nano.tokens import load_tokenizer
from aloud_nano.turns import TurnWriter
from aloud_nano.voices import Spoken, Synthesiser

SHARD = 250
LONGEST = 8.4  # seconds
SHORTEST = 0.1
OPEN_SHARE = 0.42
CODEC_SHARE = 0.35

_tools: dict[str, Any] = {}


def start_worker(text: str, tokenizer: str) -> None:
    """Per process: the sampler (bound to the training split), engines, codec, tokenizer."""
    stored = json.loads(Path(text).read_text())
    _tools["sampler"] = Sampler("train", stored["sentences"], stored["words"], OPEN_SHARE)
    _tools["synthesiser"] = Synthesiser("train")
    _tools["codec"] = OpusCodec(complexity=4)
    _tools["writer"] = TurnWriter(load_tokenizer(Path(tokenizer)))


def entry(item: Item, spoken: Spoken, offset: int, samples: np.ndarray) -> dict[str, Any]:
    """What the loader needs; pitch and rate are measured, so they follow every change made."""
    seconds = len(samples) / SAMPLE_RATE
    return {
        "text": item.text, "call": item.call, "answer": item.answer, "intent": item.intent,
        "question": item.question, "offset": offset, "samples": len(samples),
        "pitch": round(median_pitch(spoken.signal), 1),
        "rate": round(len(item.text) / seconds, 2), "whispered": spoken.whispered,
        "engine": spoken.engine, "voice": spoken.voice,
    }  # fmt: skip


def make_shard(job: tuple[str, int]) -> float:
    """Write one shard; returns its seconds of audio."""
    directory, number = job
    rng = random.Random(f"shard {number}")
    entries: list[dict[str, Any]] = []
    pieces: list[np.ndarray] = []
    position, failures = 0, 0
    while len(entries) < SHARD:
        item = _tools["sampler"].draw(rng)
        try:
            spoken = _tools["synthesiser"].say(item.text, rng)
        except Exception:
            failures += 1
            if failures > 20:
                raise
            continue
        if not SHORTEST < len(spoken.signal) / SAMPLE_RATE < LONGEST:
            continue
        signal = spoken.signal
        made = entry(item, spoken, position, signal)
        if rng.random() < CODEC_SHARE:
            signal = _tools["codec"].round_trip(signal, rng.randrange(14_000, 32_001, 2000))
        made |= _tools["writer"].stored(made)
        samples = (np.clip(signal, -1, 1) * 32767).astype(np.int16)
        entries.append(made)
        pieces.append(samples)
        position += len(samples)
    base = Path(directory) / f"shard_{number:05d}"
    np.concatenate(pieces).tofile(base.with_suffix(".i16"))
    base.with_suffix(".tmp").write_text(json.dumps(entries))
    base.with_suffix(".tmp").rename(base.with_suffix(".json"))
    return position / SAMPLE_RATE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--processes", type=int, default=12)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    jobs = [(str(args.output), number) for number in range(args.count // SHARD)]
    started, seconds = time.time(), 0.0
    with multiprocessing.Pool(
        args.processes, start_worker, (str(args.text), str(args.tokenizer))
    ) as pool:
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
