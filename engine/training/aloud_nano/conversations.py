"""Do earlier turns disturb later ones? Independent turns, several in one cache.

Usage: python -m aloud_nano.conversations MODEL_DIRECTORY --cache CLIPS.pkl [--turns 6] [--count 50]

The clips are those that ``evaluate --cache`` keeps.
"""

from __future__ import annotations

import argparse
import pickle
import random
from collections import defaultdict
from pathlib import Path

from aloud_nano.evalsets import Clip
from aloud_nano.evaluate import OPEN, percent
from aloud_nano.runtime import NanoRuntime

SETS = ("held-out espeak, gateway", "typed", "silence", "noise")


def converse(runtime: NanoRuntime, clips: list[Clip]) -> tuple[list[bool], int]:
    """One conversation: which answers were right, and how long the cache grew."""
    stream = runtime.open()
    right = []
    for clip in clips:
        if len(clip.samples):
            runtime.hear(stream, clip.samples)
        else:
            runtime.read(stream, clip.text)
        right.append(runtime.generate(stream).answer.strip() == clip.answer.strip())
    return right, stream.length


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--count", type=int, default=50)
    args = parser.parse_args()
    sets: dict[str, list[Clip]] = pickle.loads(args.cache.read_bytes())
    clips = [clip for name in SETS for clip in sets[name] if clip.intent not in OPEN]
    random.Random(1).shuffle(clips)
    runtime, by_turn, longest = NanoRuntime(args.model), defaultdict(list), 0
    for start in range(0, min(len(clips) - args.turns, args.count * args.turns), args.turns):
        right, length = converse(runtime, clips[start : start + args.turns])
        longest = max(longest, length)
        for turn, value in enumerate(right, 1):
            by_turn[turn].append(value)
    for turn, values in by_turn.items():
        print(f"turn {turn}: {percent(values)} % of {len(values)}")
    print(f"longest cache: {longest} positions")


if __name__ == "__main__":
    main()
