"""Read weights and word pieces back out of a model directory, to train on from what ships.

The exporter names matrices by number, in the order of the graph: four to each layer of the
encoder (the live one last) and then its heads, six to each layer of the decoder.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor

from aloud_nano.config import DecoderConfig
from aloud_nano.decoder import Scribe
from aloud_nano.model import Nano

State = dict[str, Tensor]

_PARTS = ("qkv", "out", "up", "down")  # of an encoder's layer
_HEADS = ("side_in", "side_out", "pool", "ctc_in", "ctc", "turn_in", "turn")


def _constants(path: Path) -> State:
    return {
        tensor.name.removesuffix(".half"): torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in onnx.load(path).graph.initializer
    }


def _named(found: State, prefix: str) -> State:
    return {
        name.removeprefix(prefix): value.float()
        for name, value in found.items()
        if name.startswith(prefix)
    }


def _matrices(found: State) -> list[Tensor]:
    """Quantised matrices [out, in] in the order of the graph, without the output projection."""
    names = [
        name.removesuffix("_quantized")
        for name in found
        if name.endswith("_quantized") and name != "head_quantized"
    ]
    return [
        (found[f"{name}_quantized"].float() * found[f"{name}_scale"].float()).t().contiguous()
        for name in names
    ]


def shipped_encoder(path: Path) -> State:
    """``WhisperEncoder`` state out of an exported int8 ``audio_encoder_quantized.onnx``."""
    found = _constants(path)
    state = _named(found, "encoder.whisper.")
    layers = sum(name.endswith("norm_feed.bias") for name in state)
    targets = [f"layers.{n}.{part}" for n in range(layers) for part in _PARTS]
    for target, whole in zip(targets, _matrices(found), strict=False):
        state[f"{target}.weight"] = whole
    return state


def shipped_ears(path: Path) -> State:
    """``AudioEncoder`` state: Whisper's part, the heads and the decoder's cross projections."""
    found = _constants(path)
    whisper = shipped_encoder(path)
    state = _named(found, "encoder.") | {f"whisper.{name}": v for name, v in whisper.items()}
    layers = sum(name.endswith("norm_feed.bias") for name in whisper)
    crosses = sum(name.startswith("encoder.cross.") for name in found)
    live = [f"live.{part}" for part in _PARTS] if "live_norm.weight" in state else []
    targets = [*live, *_HEADS, *(f"cross.{n}" for n in range(crosses))]
    own = _matrices(found)[4 * layers :][: len(targets)]  # a scribe's come last
    for target, whole in zip(targets, own, strict=True):
        state[f"{target}.weight"] = whole
    return state


def shipped_decoder(directory: Path, config: DecoderConfig) -> State:
    """``Decoder`` state out of the exported graphs of a model directory."""
    embeddings = _constants(directory / "onnx" / "embed_tokens_fp16.onnx")
    path = directory / "onnx" / "decoder_model_merged_quantized.onnx"
    return _decoder(path, embeddings["weight"].float(), config)


def shipped_scribe(directory: Path) -> Scribe:
    """The scribe of a model directory, with weights on the grid of the exported int8 ones."""
    table = _constants(directory / "onnx" / "scribe_embed_tokens_int8.onnx")
    scribe = Scribe()
    path = directory / "onnx" / "scribe_decoder_quantized.onnx"
    embeddings = table["table"].float() * table["scale"]
    scribe.decoder.load_state_dict(_decoder(path, embeddings, scribe.decoder.config))
    found = _constants(directory / "onnx" / "audio_encoder_quantized.onnx")
    cross = _named(found, "scribe_cross.")
    for number, whole in enumerate(_matrices(found)[-len(scribe.cross) :]):
        cross[f"{number}.weight"] = whole
    scribe.cross.load_state_dict(cross)
    return scribe.eval()


def _decoder(path: Path, embeddings: Tensor, config: DecoderConfig) -> State:
    found = _constants(path)
    state = _named(found, "decoder.") | {"embed.weight": embeddings}
    parts = ("qkv", "out", "cross_query", "cross_out", "up", "down")
    targets = [f"layers.{n}.{part}" for n in range(config.layers) for part in parts]
    for target, whole in zip(targets, _matrices(found), strict=True):
        state[f"{target}.weight"] = whole
    return state


def shipped_model(directory: Path) -> Nano:
    """All of nano, with weights on the grid of the exported int8 ones."""
    model = Nano()
    ears = shipped_ears(directory / "onnx" / "audio_encoder_quantized.onnx")
    if "live_norm.weight" not in ears:  # up to 2.0.0 the heads read Whisper's last layer
        ears |= {f"live_norm.{part}": ears[f"whisper.norm.{part}"] for part in ("weight", "bias")}
        live = model.encoder.state_dict()
        ears |= {name: value for name, value in live.items() if name.startswith("live.")}
    model.encoder.load_state_dict(ears)
    model.decoder.load_state_dict(shipped_decoder(directory, model.config.decoder))
    return model.eval()


def shipped_hearing(directory: Path) -> Tokenizer:
    """``hearing.json`` of the model: its word pieces in the order in which they were learned.

    Each longer piece is what the pieces before it leave in two.
    """
    pieces: list[str] = json.loads((directory / "config.json").read_text())["ctc"]["vocab"][1:]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    ranks: dict[tuple[str, str], int] = {}
    merges: list[tuple[str, str]] = []
    for piece in pieces:
        if len(piece) == 1:
            continue
        left = list(piece)
        while len(left) > 2:
            pairs = [(ranks.get(pair, len(ranks)), n) for n, pair in enumerate(pairwise(left))]
            rank, at = min(pairs)
            if rank == len(ranks):
                raise ValueError(f"{directory}: the word piece {piece!r} is not made of two others")
            left[at : at + 2] = ["".join(left[at : at + 2])]
        pair = (left[0], left[1])
        ranks[pair] = len(merges)
        merges.append(pair)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=" ", prepend_scheme="always")
    return tokenizer
