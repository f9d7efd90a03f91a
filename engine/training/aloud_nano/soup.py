"""Average checkpoints: between where training began and where it went, hearing is kept.

Fine-tuning on synthetic voices makes nano forget how people sound; weights in between answer as
well and hear better (Wortsman et al., "Robust fine-tuning of zero-shot models", arXiv 2109.01903).

Usage: python -m aloud_nano.soup OUTPUT.pt FIRST.pt=0.4 SECOND.pt=0.6
       python -m aloud_nano.soup OUTPUT.pt --whisper start.pt --encoder audio_encoder.onnx \
           --share 0.3 TRAINED.pt=0.7

With ``--whisper`` the state before training takes ``--share``; nano's own heads, which have no
such state, are taken from the checkpoints alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from aloud_nano.model import Nano, load_checkpoint, save_checkpoint
from aloud_nano.shipped import shipped_encoder
from aloud_nano.warm_start import OWN_HEADS, start_from_whisper

State = dict[str, Tensor]


def average(parts: list[tuple[State, float]]) -> State:
    """Weighted mean of what each part has of a name; weights need not add up to 1."""
    result: State = {}
    for name in parts[0][0]:
        having = [(state[name], weight) for state, weight in parts if name in state]
        total = sum(weight for _, weight in having)
        result[name] = sum(value * (weight / total) for value, weight in having)  # type: ignore
    return result


def before_training(whisper: Path, encoder: Path) -> State:
    """Whisper's weights as training found them, without nano's own heads."""
    model = Nano()
    start_from_whisper(model, torch.load(whisper, map_location="cpu", weights_only=True))
    model.encoder.whisper.load_state_dict(shipped_encoder(encoder))
    return {n: v for n, v in model.state_dict().items() if not n.startswith(OWN_HEADS)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("parts", nargs="+", help="CHECKPOINT=WEIGHT")
    parser.add_argument("--whisper", type=Path)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--share", type=float, default=0.3)
    args = parser.parse_args()
    parts: list[tuple[State, float]] = []
    for part in args.parts:
        path, weight = part.rsplit("=", 1)
        parts.append((dict(load_checkpoint(Path(path)).state_dict()), float(weight)))
    if args.whisper:
        parts.append((before_training(args.whisper, args.encoder), args.share))
    model = Nano()
    model.load_state_dict(average(parts))
    save_checkpoint(model, args.output)


if __name__ == "__main__":
    main()
