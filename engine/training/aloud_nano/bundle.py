"""The model directory: config, tokenizer and feature settings, manifest of hashes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from aloud_nano import config as nano
from aloud_nano.config import NanoConfig
from aloud_nano.grammar import declarations
from aloud_nano.grammar.sound import NOT_UNDERSTOOD
from aloud_nano.tokens import ID, PROMPT
from aloud_nano.turns import UNCLEAR, heard

VERSION = "2.2.0"
# A quote whose tokens' geometric mean probability is below this was made up, not heard: nano then
# says that it did not understand. Measured by `npm run eval` (the model card's calibration table):
# what it reads into babble, music and noise lies below, requests in unseen voices above.
LEAST_CONFIDENCE = 0.8


SCRIBE = {
    "prompt": list(nano.SCRIBE_PROMPT), "end": nano.SCRIBE_END, "positions": nano.SCRIBE_POSITIONS,
    "vocab_size": nano.SCRIBE_VOCAB,
    # Chosen on held-out clips: what nano is this sure of is its domain, which it knows better;
    # of the rest the scribe is the better judge.
    "sure": 0.97,
    "weight": 1,
    # As LEAST_CONFIDENCE: of words that both heard; of the scribe's, by their joint probability.
    "least_confidence": {"both": 0.3, "scribe": 0.6},
}  # fmt: skip


def model_config(
    config: NanoConfig, hearing: list[str], scribe: dict[str, Any] | None
) -> dict[str, Any]:
    text, audio = config.decoder, config.encoder
    return {
        "model_type": "aloud_nano",
        "version": VERSION,
        "context_length": nano.CONTEXT_LENGTH,
        "vocab_size": text.vocab,
        "text_config": {
            "hidden_size": text.width,
            "num_hidden_layers": text.layers,
            "num_attention_heads": text.heads,
            "num_key_value_heads": text.heads,
            "head_dim": text.head_dim,
            "intermediate_size": text.feed_forward,
            "max_position_embeddings": text.positions,
            "logits": "all",
        },
        "audio_config": {
            "hidden_size": audio.width,
            "num_hidden_layers": audio.layers,
            "num_attention_heads": audio.heads,
            "head_dim": audio.width // audio.heads,
            "intermediate_size": audio.feed_forward,
        },
        "audio": {
            "sample_rate": nano.SAMPLE_RATE,
            "block_frames": nano.BLOCK_MEL,
            "encoder_frames_per_block": nano.BLOCK_FRAMES,
            "cross_frames_per_block": nano.CROSS_PER_BLOCK,
            "max_cross_frames": nano.CROSS_FRAMES,
            "window_blocks": nano.WINDOW_BLOCKS,
            "past_frames": nano.PAST_FRAMES,
            "position_period": nano.POSITION_PERIOD,
            "stretch_blocks": nano.STRETCH_BLOCKS,
        },
        "special_tokens": ID,
        "ctc": {"blank": 0, "vocab": hearing},
        "prompt": PROMPT,
        "transcript": {
            "channel": "semantic",
            "open": '"',
            "close": '"',
            "sentence": heard("{transcript}"),
        },
        **({"scribe": scribe} if scribe else {}),
        "channels": ["semantic", "acoustic", "tool_call", "answer"],
        "confidence": {
            "transcript": LEAST_CONFIDENCE,
            "unclear": {"semantic": UNCLEAR, "answer": NOT_UNDERSTOOD},
        },
    }


def preprocessor_config() -> dict[str, Any]:
    return {
        "feature_extractor_type": "AloudNanoFeatureExtractor",
        "sampling_rate": nano.SAMPLE_RATE,
        "feature_size": nano.N_MELS,
        "n_fft": nano.N_FFT,
        "hop_length": nano.HOP,
        "window": "hann_periodic",
        "power": 2,
        "mel_scale": "slaney",
        "mel_norm": "slaney",
        "min_frequency": 0,
        "max_frequency": nano.SAMPLE_RATE // 2,
        "left_zeros": nano.LEFT_ZEROS,
        "log": "log10",
        "floor": nano.MEL_FLOOR,
        "offset": nano.MEL_OFFSET,
        "scale": nano.MEL_SCALE,
    }


def tokenizer_config() -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": nano.CONTEXT_LENGTH,
        "eos_token": "<|eot|>",
        "pad_token": "<|endoftext|>",
        "audio_token": "<|audio|>",
        "clean_up_tokenization_spaces": False,
    }


def generation_config() -> dict[str, Any]:
    return {
        "eos_token_id": ID["<|eot|>"],
        "pad_token_id": ID["<|endoftext|>"],
        "do_sample": False,
        "temperature": 0.0,
        "max_think_tokens": 200,
        "max_answer_tokens": 120,
    }


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_manifest(directory: Path) -> None:
    """Size and SHA-256 of every file the engine loads."""
    files = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_file() and name not in ("manifest.json", "README.md"):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            files[name] = {"bytes": path.stat().st_size, "sha256": digest}
    _write_json(directory / "manifest.json", {"files": files})


def write_bundle(directory: Path, config: NanoConfig, hearing: list[str]) -> None:
    """``hearing``: the text of every CTC class."""
    has_scribe = any((directory / "onnx").glob("scribe_decoder*.onnx"))
    scribe = SCRIBE if has_scribe else None
    _write_json(directory / "config.json", model_config(config, hearing, scribe))
    _write_json(directory / "tools.json", declarations())
    _write_json(directory / "preprocessor_config.json", preprocessor_config())
    _write_json(directory / "tokenizer_config.json", tokenizer_config())
    _write_json(directory / "generation_config.json", generation_config())
    write_manifest(directory)
