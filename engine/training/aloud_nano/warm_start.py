"""Where training starts: Whisper's weights, and the streaming encoder of an earlier nano."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from aloud_nano.model import Nano

OWN_HEADS = ("encoder.side", "encoder.ctc", "encoder.turn")  # nothing of Whisper is in them


def shipped_encoder(path: Path) -> dict[str, Tensor]:
    """``WhisperEncoder`` state out of an exported int8 ``audio_encoder_quantized.onnx``.

    The exporter names matrices by number, in the order of the graph: four to each layer.
    """
    import onnx
    from onnx import numpy_helper

    constants = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in onnx.load(path).graph.initializer
    }
    prefix = "encoder.whisper."
    state = {
        name.removeprefix(prefix).removesuffix(".half"): value.float()
        for name, value in constants.items()
        if name.startswith(prefix)
    }
    matrices = [
        name.removesuffix("_quantized") for name in constants if name.endswith("_quantized")
    ]
    layers = sum(name.endswith("norm_feed.bias") for name in state)
    targets = [f"layers.{n}.{part}" for n in range(layers) for part in ("qkv", "out", "up", "down")]
    for target, name in zip(targets, matrices[: len(targets)], strict=True):
        whole = constants[f"{name}_quantized"].float() * constants[f"{name}_scale"]
        state[f"{target}.weight"] = whole.t().contiguous()
    return state


def start_from_whisper(model: Nano, whisper: dict[str, Tensor]) -> None:
    """Load the weights that ``make_tokenizer`` pruned. Our own heads keep their random start;
    positions past Whisper's repeat from its first on."""
    state = {name: value.float() for name, value in whisper.items()}
    places = state["decoder.places"]
    count = model.config.decoder.positions
    state["decoder.places"] = places[torch.arange(count) % len(places)]
    missing, unknown = model.load_state_dict(state, strict=False)
    lacking = [name for name in missing if not name.startswith((*OWN_HEADS, "encoder.pool"))]
    if lacking or unknown:
        raise ValueError(f"Whisper's weights do not fit: lacking {lacking}, unknown {unknown}")
