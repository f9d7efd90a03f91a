"""Prune Whisper's tokenizer to what nano reads and writes, and its weights to match.

Usage: python -m aloud_nano.make_tokenizer TEXT.json WHISPER_TOKENIZER.json WHISPER.pt OUTPUT_DIR

Writes tokenizer.json, hearing.json (word pieces of the CTC head) and start.pt: Whisper's weights
with the embeddings that are left (new tokens are drawn around the mean). With ``--keep`` only
start.pt, for a tokenizer that was pruned before.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from aloud_nano.evidence import example
from aloud_nano.grammar import Sampler
from aloud_nano.tokens import SPECIAL_TOKENS, prune, train_hearing_pieces
from aloud_nano.turns import heard


def corpus(sampler: Sampler, count: int) -> Iterator[str]:
    """What nano writes, and what is typed to it."""
    rng = random.Random(0)
    for _ in range(count):
        item = sampler.draw(rng)
        yield f"{heard(item.text, item.steps)} {item.call}."
        yield item.text
        if item.answer:
            yield item.answer
        if rng.random() < 0.3:
            yield from example(rng)
        if rng.random() < 0.2:
            result = sampler.tool_result(rng, item)
            yield f"{result.result} {result.answer}"


def pieces_kept(tokenizer: Path, whisper_tokenizer: Path) -> list[int]:
    """Whisper's id of every token of a pruned tokenizer, -1 for our own."""
    ids: dict[str, int] = json.loads(tokenizer.read_text())["model"]["vocab"]
    theirs: dict[str, int] = json.loads(whisper_tokenizer.read_text())["model"]["vocab"]
    names = sorted(ids, key=lambda name: ids[name])
    return [-1 if name in SPECIAL_TOKENS else theirs[name] for name in names]


def pruned_weights(whisper: dict[str, Tensor], pieces: list[int]) -> dict[str, Tensor]:
    table = whisper["decoder.embed.weight"].float()
    kept = torch.tensor(pieces)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(len(pieces), table.shape[1], generator=generator) * table.std() * 0.5
    own = table.mean(0) + noise
    own[kept >= 0] = table[kept[kept >= 0]]
    return whisper | {"decoder.embed.weight": own.half()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("whisper_tokenizer", type=Path)
    parser.add_argument("whisper", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--keep", type=Path, help="tokenizer.json of a model")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    whisper = torch.load(args.whisper, map_location="cpu", weights_only=True)
    if args.keep:
        pieces = pieces_kept(args.keep, args.whisper_tokenizer)
        torch.save(pruned_weights(whisper, pieces), args.output / "start.pt")
        return
    stored = json.loads(args.text.read_text())
    sampler = Sampler("train", stored["sentences"], stored["words"], 0.6)
    tokenizer, pieces = prune(args.whisper_tokenizer, corpus(sampler, 60_000))
    tokenizer.save(str(args.output / "tokenizer.json"))
    plain = Sampler("train", stored["sentences"], stored["words"], 0.6)
    rng = random.Random(1)
    spoken = (plain.draw(rng).text for _ in range(60_000))
    train_hearing_pieces(spoken).save(str(args.output / "hearing.json"))
    torch.save(pruned_weights(whisper, pieces), args.output / "start.pt")
    kept = sum(piece >= 0 for piece in pieces)
    print(f"{len(pieces)} tokens, {kept} of them Whisper's → {args.output}")


if __name__ == "__main__":
    main()
