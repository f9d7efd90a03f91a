"""Optimiser: Muon for the decoder's and adapter's matrices, AdamW for everything else."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aloud_nano.model import Nano


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Newton–Schulz iteration on a batch [N, A, B] (Keller Jordan's coefficients)."""
    wide = matrices.shape[1] <= matrices.shape[2]
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    if not wide:
        x = x.transpose(1, 2)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * (gram @ gram)) @ x
    return (x if wide else x.transpose(1, 2)).float()


class Optimiser:
    """``step(scale)`` multiplies all learning rates."""

    def __init__(
        self, model: Nano, muon: float = 0.004, adam: float = 0.0016, encoder: float = 2.0e-4
    ) -> None:
        self.muon_rate = muon
        self.muon_decay = 0.05
        self.groups: dict[tuple[int, int], list[Tensor]] = {}
        plain, pretrained = [], []
        for name, parameter in model.named_parameters():
            if name.startswith("encoder.whisper."):
                pretrained.append(parameter)
            elif parameter.ndim == 2 and "embed" not in name and ".ctc." not in name:
                self.groups.setdefault(tuple(parameter.shape), []).append(parameter)
            else:
                plain.append(parameter)
        self.momentum = {
            shape: torch.zeros(len(group), *shape, device=group[0].device)
            for shape, group in self.groups.items()
        }
        self.rates = (adam, encoder)
        self.adam = torch.optim.AdamW(
            [
                {"params": plain, "lr": adam, "weight_decay": 0.01},
                {"params": pretrained, "lr": encoder, "weight_decay": 0.005},
            ],
            betas=(0.9, 0.98),
            fused=plain[0].is_cuda,
        )

    @torch.no_grad()
    def step(self, scale: float) -> None:
        for shape, group in self.groups.items():
            gradient = torch.stack([p.grad for p in group])
            momentum = self.momentum[shape].mul_(0.95).add_(gradient)
            update = orthogonalise(gradient + 0.95 * momentum)
            rate = self.muon_rate * scale
            torch._foreach_mul_(group, 1 - rate * self.muon_decay)
            size = 0.2 * math.sqrt(max(shape))
            torch._foreach_add_(group, list(update.unbind(0)), alpha=-rate * size)
        for settings, rate in zip(self.adam.param_groups, self.rates, strict=True):
            settings["lr"] = rate * scale
        self.adam.step()
