"""What plain Whisper hears in the evaluation clips: nano's word errors are shown beside it.

Usage: python -m aloud_nano.peers CLIPS tiny.en=DIRECTORY [base=DIRECTORY …] [--most 40]

CLIPS is a directory written by ``evalsets``; whisper.json in it is written, or added to. Every
Whisper hears whole clips (full context), greedily, by faster-whisper in int8. Of synthetic sets so
many clips are taken (``--most 0``: none); of people all.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from aloud_nano.grammar.numbers import words
from aloud_nano.recordings import normalise_transcript

SETS = ("held-out espeak", "held-out espeak, 10 dB", "held-out espeak, 0 dB",
        "held-out espeak, Opus", "festival", "festival, Opus", "neural voice")  # fmt: skip
PEOPLE = ("real: read-sentences", "real: coffee-orders", "real: strangers")
_SPELT = {"color": "colour", "ok": "okay", "mister": "mr"}


def spoken(text: str) -> str:
    """Whisper's text in the spoken form of the references: numbers and clocks in words."""
    text = re.sub(r"(\d{1,2}):00\b", r"\1", text.lower())
    text = re.sub(r"(\d{1,2}):0(\d)\b", r"\1 oh \2", text)
    text = re.sub(r"(\d{1,2}):(\d\d)\b", r"\1 \2", text)
    text = re.sub(r"\b([ap])\.? ?m\b\.?", r"\1 m", text)
    text = text.replace("%", " percent").replace("+", " plus ").replace(",", "")
    text = re.sub(r"(?<=\d)\s?-\s?(?=\d)", " minus ", text)
    text = re.sub(r"\d+", lambda match: f" {_number(match[0])} ", text)
    plain = normalise_transcript(text)
    return " ".join(_SPELT.get(word, word) for word in plain.split())


def _number(digits: str) -> str:
    return words(int(digits)) if len(digits) <= 4 else " ".join(words(int(d)) for d in digits)


def chosen(rows: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Clips that are transcribed; of synthetic sets evenly spread ones."""
    found = [row for row in rows if row["set"] in PEOPLE]
    for name in SETS:
        members = [row for row in rows if row["set"] == name and row["text"]]
        found += members[:: max(1, len(members) // max(1, most))][:most]
    return found


def main() -> None:
    from faster_whisper import WhisperModel

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("models", nargs="+", help="name=directory")
    parser.add_argument("--most", type=int, default=40)
    args = parser.parse_args()
    rows = chosen(json.loads((args.clips / "index.json").read_text()), args.most)
    pcm = np.memmap(args.clips / "clips.i16", np.int16, "r")
    output = args.clips / "whisper.json"
    heard: dict[str, dict[str, str]] = json.loads(output.read_text()) if output.exists() else {}
    for name, directory in (model.split("=", 1) for model in args.models):
        model = WhisperModel(directory, device="cpu", compute_type="int8", cpu_threads=1)
        heard[name] = {}
        for row in rows:
            clip = pcm[row["offset"] : row["offset"] + row["samples"]].astype(np.float32) / 32768
            segments, _ = model.transcribe(
                clip, language="en", beam_size=1, temperature=0.0, without_timestamps=True,
                condition_on_previous_text=False,
            )  # fmt: skip
            heard[name][row["id"]] = spoken(" ".join(segment.text for segment in segments))
        output.write_text(json.dumps(heard, indent=0))


if __name__ == "__main__":
    main()
