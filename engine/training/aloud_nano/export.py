"""Export a checkpoint to the three ONNX graphs the engine loads.

Usage: python -m aloud_nano.export CHECKPOINT TOKENIZER_JSON HEARING_JSON OUTPUT_DIRECTORY
       python -m aloud_nano.export CHECKPOINT --decoder-of MODEL_DIRECTORY
       python -m aloud_nano.export SCRIBE SCRIBE_TOKENIZER --scribe-of MODEL_DIRECTORY

The second form is for checkpoints of ``train --tune``: only the decoder in the directory changes.
The third puts a scribe (``scribe.py``) into a directory: its two graphs, and its projections in the
encoder's.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import warnings
from pathlib import Path

import torch
from tokenizers import Tokenizer as TokenizerFile
from torch import Tensor, nn

from aloud_nano.bundle import write_bundle
from aloud_nano.config import BLOCK_MEL, N_MELS
from aloud_nano.decoder import Decoder, Scribe
from aloud_nano.encoder import EncoderState
from aloud_nano.model import Nano, load_checkpoint
from aloud_nano.quantise import quantise_matmuls, store_half, write_table
from aloud_nano.scribe import load_scribe, pooled_frames
from aloud_nano.shipped import shipped_model
from aloud_nano.tokens import hearing_vocabulary, load_tokenizer

OPSET = 17
STATE_NAMES = ("mel", "stem", "key", "value", "position")


class EncoderGraph(nn.Module):
    """``AudioEncoder.step`` with its state spread over plain tensors.

    The cross keys and values of all decoder layers come stacked: [L, 1, H, 12, D/H].
    """

    def __init__(self, model: Nano, scribe: Scribe | None) -> None:
        super().__init__()
        self.encoder = model.encoder
        self.scribe_cross = scribe.cross if scribe is not None else None
        self.heads = model.config.decoder.heads

    def _stacked(self, parts: list[Tensor]) -> Tensor:
        """[1, 12, D] of every layer → [L, 1, H, 12, D/H]."""
        joined = torch.cat(parts, dim=0)
        return joined.unflatten(-1, (self.heads, -1)).transpose(1, 2).unsqueeze(1)

    def forward(
        self, features: Tensor, mel: Tensor, stem: Tensor, key: Tensor, value: Tensor, pos: Tensor
    ) -> tuple[Tensor, ...]:
        out, after = self.encoder.step(features, EncoderState(mel, stem, key, value, pos))
        keys = self._stacked([key for key, _ in out.cross])
        values = self._stacked([value for _, value in out.cross])
        state = (after.mel, after.stem, after.key, after.value, after.position)
        if self.scribe_cross is None:
            return (keys, values, out.ctc, out.turn, *state)
        pooled = pooled_frames(out.final)
        parts = [layer(pooled).chunk(2, dim=-1) for layer in self.scribe_cross]
        written = (self._stacked([key for key, _ in parts]), self._stacked([v for _, v in parts]))
        return (keys, values, out.ctc, out.turn, *written, *state)


class DecoderGraph(nn.Module):
    """``Decoder.step`` plus the output projection, in the transformers.js layout."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder
        self.head = nn.Parameter(decoder.embed.weight.detach().t().contiguous())

    def forward(self, x: Tensor, mask: Tensor, positions: Tensor, *caches: Tensor) -> tuple:
        half = len(caches) // 2
        past, cross = list(caches[:half]), list(caches[half:])
        hidden, present = self.decoder.step(x, mask, positions, past, cross)
        return (hidden @ self.head, *present)


def _export(module: nn.Module, example: tuple, path: Path, **names: object) -> None:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, example, str(path), opset_version=OPSET, dynamo=False, **names)


def export_encoder(model: Nano, path: Path, scribe: Scribe | None = None) -> None:
    config = model.config.encoder
    cache = torch.randn(config.layers + 1, 1, config.heads, 48, config.width // config.heads)
    example = (
        torch.randn(1, N_MELS, BLOCK_MEL),
        torch.zeros(1, N_MELS, 2),
        torch.zeros(1, config.width, 1),
        cache,
        cache.clone(),
        torch.tensor([48]),
    )
    heard = ["cross_key", "cross_value", "ctc_logits", "end_of_turn"]
    if scribe is not None:
        heard += ["scribe_key", "scribe_value"]
    _export(
        EncoderGraph(model, scribe),
        example,
        path,
        input_names=["input_features", *(f"past.{name}" for name in STATE_NAMES)],
        output_names=[*heard, *(f"present.{name}" for name in STATE_NAMES)],
        dynamic_axes={
            "past.key": {3: "past_frames"},
            "past.value": {3: "past_frames"},
            "present.key": {3: "present_frames"},
            "present.value": {3: "present_frames"},
        },
    )


def export_decoder(decoder: Decoder, path: Path) -> None:
    config = decoder.config
    kinds = [(layer, kind) for layer in range(config.layers) for kind in ("key", "value")]
    past_names = [f"past_key_values.{layer}.{kind}" for layer, kind in kinds]
    cross_names = [f"cross.{layer}.{kind}" for layer, kind in kinds]
    present_names = [f"present.{layer}.{kind}" for layer, kind in kinds]
    past = [torch.randn(1, config.heads, 7, config.head_dim) for _ in kinds]
    cross = [torch.randn(1, config.heads, 13, config.head_dim) for _ in kinds]
    example = (
        torch.randn(1, 3, config.width),
        torch.ones(1, 10, dtype=torch.int64),
        torch.arange(7, 10)[None],
        *past,
        *cross,
    )
    axes: dict[str, dict[int, str]] = {
        "inputs_embeds": {0: "batch", 1: "steps"},
        "attention_mask": {0: "batch", 1: "past_and_steps"},
        "position_ids": {0: "batch", 1: "steps"},
        "logits": {0: "batch", 1: "steps"},
    }
    axes |= {name: {0: "batch", 2: "past"} for name in past_names}
    axes |= {name: {0: "batch", 2: "frames"} for name in cross_names}
    axes |= {name: {0: "batch", 2: "past_and_steps"} for name in present_names}
    _export(
        DecoderGraph(decoder),
        example,
        path,
        input_names=[
            "inputs_embeds", "attention_mask", "position_ids", *past_names, *cross_names,
        ],
        output_names=["logits", *present_names],
        dynamic_axes=axes,
    )  # fmt: skip


def export_embeddings(decoder: Decoder, path: Path) -> None:
    axes = {0: "batch", 1: "steps"}
    _export(
        decoder.embed,
        (torch.zeros(1, 3, dtype=torch.int64),),
        path,
        input_names=["input_ids"],
        output_names=["inputs_embeds"],
        dynamic_axes={"input_ids": axes, "inputs_embeds": axes},
    )


def _write_small(source: Path, onnx_dir: Path) -> None:
    """The int8 form of a float graph, under its name in the transformers.js layout."""
    small = source.with_name(f"{source.stem}_int8.onnx")
    quantise_matmuls(source, small)
    store_half(small, onnx_dir / f"{source.stem}_quantized.onnx")


def replace_decoder(model: Nano, directory: Path) -> None:
    """Write the decoder's int8 graph, the configs and the manifest; leave the rest as it is."""
    model = model.eval().requires_grad_(False)
    with tempfile.TemporaryDirectory() as scratch:
        decoder = Path(scratch) / "decoder_model_merged.onnx"
        export_decoder(model.decoder, decoder)
        _write_small(decoder, directory / "onnx")
    _describe(directory, model)


def add_scribe(scribe: Scribe, tokenizer: Path, directory: Path) -> None:
    """Write the scribe's graphs and tokenizer, the encoder's anew with its projections, configs and
    manifest."""
    model = shipped_model(directory).eval().requires_grad_(False)
    scribe = scribe.eval().requires_grad_(False)
    with tempfile.TemporaryDirectory() as scratch:
        encoder = Path(scratch) / "audio_encoder.onnx"
        decoder = Path(scratch) / "scribe_decoder.onnx"
        export_encoder(model, encoder, scribe)
        export_decoder(scribe.decoder, decoder)
        for source in (encoder, decoder):
            _write_small(source, directory / "onnx")
    table = directory / "onnx" / "scribe_embed_tokens_int8.onnx"
    write_table(scribe.decoder.embed.weight, table)
    load_tokenizer(tokenizer)
    shutil.copy(tokenizer, directory / "scribe_tokenizer.json")
    _describe(directory, model)


def _describe(directory: Path, model: Nano) -> None:
    hearing = json.loads((directory / "config.json").read_text())["ctc"]["vocab"]
    write_bundle(directory, model.config, hearing)


def export_model(
    model: Nano, tokenizer_json: Path, hearing: Path, output: Path, keep_float: bool = False
) -> None:
    """Write int8 graphs, tokenizer, configs and manifest; ``keep_float`` adds float32 graphs."""
    load_tokenizer(tokenizer_json)
    model = model.eval().requires_grad_(False)
    onnx_dir = output / "onnx"
    onnx_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        encoder = Path(scratch) / "audio_encoder.onnx"
        decoder = Path(scratch) / "decoder_model_merged.onnx"
        embeddings = Path(scratch) / "embed_tokens.onnx"
        export_encoder(model, encoder)
        export_decoder(model.decoder, decoder)
        export_embeddings(model.decoder, embeddings)
        for source in (encoder, decoder):
            _write_small(source, onnx_dir)
        store_half(embeddings, onnx_dir / "embed_tokens_fp16.onnx")
        if keep_float:
            for source in (encoder, decoder):
                shutil.copy(source, onnx_dir / source.name)
    if (output / "tokenizer.json").resolve() != tokenizer_json.resolve():
        shutil.copy(tokenizer_json, output / "tokenizer.json")
    vocabulary = hearing_vocabulary(TokenizerFile.from_file(str(hearing)))
    write_bundle(output, model.config, vocabulary)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tokenizer", type=Path, nargs="?")
    parser.add_argument("hearing", type=Path, nargs="?", help="word pieces of the CTC head")
    parser.add_argument("output", type=Path, nargs="?")
    parser.add_argument("--decoder-of", type=Path, help="model directory whose decoder to replace")
    parser.add_argument("--scribe-of", type=Path, help="model directory to put the scribe into")
    parser.add_argument("--float", action="store_true", help="keep the float32 graphs as well")
    args = parser.parse_args()
    if args.decoder_of:
        replace_decoder(load_checkpoint(args.checkpoint), args.decoder_of)
        return
    if args.scribe_of:
        if args.tokenizer is None:
            parser.error("say SCRIBE SCRIBE_TOKENIZER --scribe-of MODEL_DIRECTORY")
        add_scribe(load_scribe(args.checkpoint), args.tokenizer, args.scribe_of)
        return
    if args.output is None:
        parser.error(
            "say TOKENIZER_JSON HEARING_JSON OUTPUT_DIRECTORY, or --decoder-of, or --scribe-of"
        )
    export_model(
        load_checkpoint(args.checkpoint), args.tokenizer, args.hearing, args.output, args.float
    )


if __name__ == "__main__":
    main()
