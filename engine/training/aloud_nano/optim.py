"""Optimiser: AdamW at one rate for each part, by how far it is from what it must become."""

from __future__ import annotations

import torch
from torch import Tensor

from aloud_nano.model import Nano

# Learning rates at scale 1. Whisper's encoder hears already; its decoder must learn to think;
# our heads start from nothing.
RATES = {"encoder": 1.2e-4, "bridge": 4e-4, "decoder": 7e-4, "words": 7e-4, "new": 1.5e-3}
# From a trained model: the encoder alone, then everything. Of the embeddings every step pushes all,
# also those of words that it has not: at the decoder's rate they forget what they meant.
EARS_RATES = {"encoder": 3e-4, "new": 8e-4}
TUNING_RATES = {"encoder": 1e-4, "bridge": 3e-4, "decoder": 2e-4, "words": 2e-5, "new": 6e-4}


def part_of(name: str) -> str:
    if name.startswith("encoder.whisper."):
        return "encoder"
    if name.startswith(("encoder.cross.", "encoder.pool.")):
        return "bridge"
    if name.startswith("decoder.embed."):
        return "words"
    return "decoder" if name.startswith("decoder.") else "new"


class Optimiser:
    """``step(scale)`` multiplies all learning rates; parts without one stay as they are."""

    def __init__(
        self, model: Nano, weight_decay: float = 0.01, rates: dict[str, float] = RATES
    ) -> None:
        parts: dict[str, list[Tensor]] = {part: [] for part in RATES}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parts[part_of(name)].append(parameter)
        trained = [part for part in rates if parts[part]]
        self.rates = [rates[part] for part in trained]
        self.adam = torch.optim.AdamW(
            [{"params": parts[part], "lr": rates[part]} for part in trained],
            betas=(0.9, 0.98),
            weight_decay=weight_decay,
            fused=next(model.parameters()).is_cuda,
        )

    def step(self, scale: float) -> None:
        for settings, rate in zip(self.adam.param_groups, self.rates, strict=True):
            settings["lr"] = rate * scale
        self.adam.step()
