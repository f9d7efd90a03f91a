"""Train the tokenizer on what nano reads and writes.

Usage: python -m aloud_nano.make_tokenizer TEXT.json OUTPUT_TOKENIZER.json
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

from aloud_nano.grammar import Sampler
from aloud_nano.grammar.sound import QUESTIONS, SOUNDS, Acoustics, answer, describe
from aloud_nano.tokens import train_tokenizer
from aloud_nano.turns import heard


def corpus(sampler: Sampler, count: int) -> Iterator[str]:
    rng = random.Random(0)
    for _ in range(count):
        item = sampler.draw(rng)
        sound = Acoustics(
            pitch=rng.choice(["low", "middle", "high"]),
            tempo=rng.choice(["slow", "steady", "fast"]),
            loudness=rng.choice(["quiet", "normal", "loud"]),
            whispered=rng.random() < 0.1,
            echo=rng.random() < 0.3,
            noise=rng.choice(["clean", "some", "heavy"]),
            background=rng.choice(["none", *SOUNDS]),
        )
        yield heard(item.text, item.call)
        yield f" {describe(sound)}"
        yield item.answer or answer(item.question or rng.choice(list(QUESTIONS)), sound)
        yield item.text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("output", type=Path)
    args = parser.parse_args()
    stored = json.loads(args.text.read_text())
    sampler = Sampler("train", stored["sentences"], stored["words"], 0.5)
    train_tokenizer(corpus(sampler, 80_000)).save(str(args.output))


if __name__ == "__main__":
    main()
