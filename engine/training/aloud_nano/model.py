"""Nano: what hears (encoder) and what thinks (decoder), joined by cross-attention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from aloud_nano.config import DecoderConfig, EncoderConfig, NanoConfig
from aloud_nano.decoder import Decoder
from aloud_nano.encoder import AudioEncoder


class Nano(nn.Module):
    def __init__(self, config: NanoConfig | None = None) -> None:
        super().__init__()
        self.config = config or NanoConfig()
        self.encoder = AudioEncoder(self.config.encoder, self.config.decoder)
        self.decoder = Decoder(self.config.decoder)

    def parameter_count(self) -> dict[str, int]:
        return {
            "encoder": sum(p.numel() for p in self.encoder.parameters()),
            "decoder": sum(p.numel() for p in self.decoder.parameters()),
        }


def save_checkpoint(model: Nano, path: Path) -> None:
    """Half precision weights and the shape they belong to."""
    state = {name: tensor.half() for name, tensor in model.state_dict().items()}
    shape = {"encoder": vars(model.config.encoder), "decoder": vars(model.config.decoder)}
    torch.save({"shape": shape, "state": state}, path)


def load_checkpoint(path: Path) -> Nano:
    stored: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    config = NanoConfig(
        encoder=EncoderConfig(**stored["shape"]["encoder"]),
        decoder=DecoderConfig(**stored["shape"]["decoder"]),
    )
    model = Nano(config)
    model.load_state_dict({name: tensor.float() for name, tensor in stored["state"].items()})
    return model.eval()
