"""Which half loses the words: nano's ears, or its decoder?

Whisper's own decoder writes down what nano's encoder hears. Beside whole Whisper on the same clips
that is what the ears cost; beside nano's quotes (``npm run eval``) what its decoder costs.

Usage: python -m aloud_nano.halves RECORDINGS_WRITTEN WHISPER_DIRECTORY \
           --most 40 CHECKPOINT.pt|MODEL_DIRECTORY …

RECORDINGS_WRITTEN is what ``recordings write`` wrote, WHISPER_DIRECTORY tiny.en for faster-whisper.
Held-out read sentences. Whisper's decoder expects half a minute and goes round in circles after
less, so of what it writes after nano's ears the best beginning counts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aloud_nano.config import BLOCK_SAMPLES
from aloud_nano.mel import LogMel
from aloud_nano.model import load_checkpoint
from aloud_nano.peers import spoken
from aloud_nano.shipped import shipped_model

START = (50257, 50362)  # <|startoftranscript|>, <|notimestamps|> of the English models
LONGEST = 60  # tokens
PEAK = 0.5


def word_errors(truth: Sequence[str], heard: Sequence[str], beginning: bool = False) -> int:
    """Edits between two lists of words; ``beginning``: to the nearest beginning of ``heard``."""
    row = list(range(len(heard) + 1))
    for count, word in enumerate(truth, 1):
        above, row = row, [count]
        for place, other in enumerate(heard, 1):
            row.append(min(above[place] + 1, row[-1] + 1, above[place - 1] + (word != other)))
    return min(row) if beginning else row[-1]


def held_out(directory: Path, most: int) -> list[tuple[str, np.ndarray]]:
    pcm = np.memmap(directory / "recordings.i16", np.int16, "r")
    rows: list[dict[str, Any]] = json.loads((directory / "recordings.json").read_text())
    chosen = [r for r in rows if r["set"] == "read-sentences" and r["split"] == "test"][:most]
    cuts = [pcm[r["offset"] : r["offset"] + r["samples"]].astype(np.float32) for r in chosen]
    return [
        (row["text"], cut / max(1.0, float(np.abs(cut).max())) * PEAK)
        for row, cut in zip(chosen, cuts, strict=True)
    ]


@torch.no_grad()
def main() -> None:
    import ctranslate2
    from faster_whisper import WhisperModel
    from tokenizers import Tokenizer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("whisper", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--most", type=int, default=40)
    args = parser.parse_args()
    whisper = WhisperModel(str(args.whisper), device="cpu", compute_type="int8", cpu_threads=1)
    tokenizer = Tokenizer.from_file(str(args.whisper / "tokenizer.json"))
    features = LogMel()
    clips = held_out(args.recordings, args.most)
    words = sum(len(text.split()) for text, _ in clips)

    errors = 0
    for text, cut in clips:
        segments, _ = whisper.transcribe(
            cut, language="en", beam_size=1, temperature=0.0, without_timestamps=True,
            condition_on_previous_text=False,
        )  # fmt: skip
        heard = spoken(" ".join(segment.text for segment in segments)).split()
        errors += word_errors(text.split(), heard)
    print(f"Whisper, all of it: {100 * errors / words:.1f} % ({len(clips)} clips)", flush=True)

    for path in args.models:
        model = shipped_model(path) if path.is_dir() else load_checkpoint(path)
        errors = 0
        for text, cut in clips:
            padded = np.pad(cut, (0, -len(cut) % BLOCK_SAMPLES + BLOCK_SAMPLES))
            final = model.encoder(features(torch.from_numpy(padded)[None])).final
            view = ctranslate2.StorageView.from_array(np.ascontiguousarray(final.numpy()))
            made = whisper.model.generate(view, [list(START)], beam_size=1, max_length=LONGEST)
            heard = spoken(tokenizer.decode(made[0].sequences_ids[0])).split()
            errors += word_errors(text.split(), heard, beginning=True)
        print(
            f"its decoder behind the ears of {path.name}: {100 * errors / words:.1f} %", flush=True
        )


if __name__ == "__main__":
    main()
