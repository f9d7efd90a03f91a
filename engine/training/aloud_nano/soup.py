"""Average checkpoints: between where training began and where it went, hearing is kept.

Fine-tuning on synthetic voices makes nano forget how people sound; weights in between answer as
well and hear better (Wortsman et al., "Robust fine-tuning of zero-shot models", arXiv 2109.01903).

Usage: python -m aloud_nano.soup OUTPUT.pt FIRST.pt=0.4 SECOND.pt=0.6
       python -m aloud_nano.soup OUTPUT.pt --whisper start.pt [--encoder audio_encoder.onnx] \
           --share 0.3 TRAINED.pt=0.7

       python -m aloud_nano.soup OUTPUT.pt BEGIN.pt=0.6,0.18,0.37 TRAINED.pt=0.4,0.82,0.63

Three weights are of the embeddings (what words nano has), of all else that reads and thinks, and
of the ears. A part may be a model directory. With ``--whisper`` the state before training takes
``--share``: Whisper's decoder and, with ``--encoder``, the ears that training began with. What has
no such state is taken from the parts alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from aloud_nano.model import Nano, load_checkpoint, save_checkpoint
from aloud_nano.optim import part_of
from aloud_nano.shipped import shipped_encoder, shipped_model
from aloud_nano.warm_start import OWN_HEADS, start_from_whisper

State = dict[str, Tensor]
Weights = tuple[float, float, float]  # of embeddings, mind, ears

_KINDS = {"words": 0, "decoder": 1, "bridge": 1, "encoder": 2, "new": 2}


def kind_of(name: str) -> int:
    """Which of the three weights a parameter has; what is heard beside the words is read."""
    return 1 if name.startswith("encoder.side") else _KINDS[part_of(name)]


def average(parts: list[tuple[State, Weights]]) -> State:
    """Weighted mean of what each part has of a name; weights need not add up to 1."""
    result: State = {}
    for name in parts[0][0]:
        kind = kind_of(name)
        having = [(state[name], weights[kind]) for state, weights in parts if name in state]
        total = sum(weight for _, weight in having)
        result[name] = sum(value * (weight / total) for value, weight in having)  # type: ignore
    return result


def before_training(whisper: Path, encoder: Path | None) -> State:
    """Whisper's weights as training found them, without nano's own heads."""
    model = Nano()
    start_from_whisper(model, torch.load(whisper, map_location="cpu", weights_only=True))
    known = ("decoder.", "encoder.cross.")
    if encoder is not None:
        model.encoder.whisper.load_state_dict(shipped_encoder(encoder))
        known = (*known, "encoder.")
    state = model.state_dict()
    return {n: v for n, v in state.items() if n.startswith(known) and not n.startswith(OWN_HEADS)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("parts", nargs="+", help="CHECKPOINT=WEIGHT[,WEIGHT,WEIGHT]")
    parser.add_argument("--whisper", type=Path)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--share", type=float, default=0.3)
    args = parser.parse_args()
    parts: list[tuple[State, Weights]] = []
    for part in args.parts:
        path, weight = part.rsplit("=", 1)
        given = [float(number) for number in weight.split(",")]
        if len(given) not in (1, 3):
            parser.error(f"{part}: one weight or three")
        model = shipped_model(Path(path)) if Path(path).is_dir() else load_checkpoint(Path(path))
        weights = (given[0], given[len(given) // 2], given[-1])
        parts.append((dict(model.state_dict()), weights))
    if args.whisper:
        share = (args.share, args.share, args.share)
        parts.append((before_training(args.whisper, args.encoder), share))
    model = Nano()
    model.load_state_dict(average(parts))
    save_checkpoint(model, args.output)


if __name__ == "__main__":
    main()
