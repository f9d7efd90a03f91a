"""New sentences from a reader's old ones: pieces of her recordings, cut between words.

A few hundred sentences heard a hundred times are learned by heart, and recited when others are
read. Pieces of two or three words from several of them, in any order, are said by the same person
in the same room, and nobody can know them beforehand.

    python -m aloud_nano.splices align REAL labels/splices.json --whisper WHISPER_BASE
    python -m aloud_nano.splices make REAL SHARDS --tokenizer … --hearing … --count 20000

REAL is what ``recordings write`` wrote. ``align`` (15 min of one core) is done once and its result
is committed: where the words of the training sentences may be parted. Whisper says about when a
word ends; the cut lies where it is quietest near there, if it is quiet at all.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from aloud_nano.audio import Signal, median_pitch
from aloud_nano.config import SAMPLE_RATE
from aloud_nano.peers import spoken
from aloud_nano.recordings import label
from aloud_nano.synthesise import LONGEST, SHARD, write_shard
from aloud_nano.tokens import load_tokenizer
from aloud_nano.turns import TurnWriter

SET = "read-sentences"
FIRST_SHARD = 8_000_000  # numbers of their own beside those of ``synthesise`` and ``neural``
LABELS = Path(__file__).parent.parent / "labels" / "splices.json"
FRAME = SAMPLE_RATE // 100
NEAR = 0.09  # s around the time that Whisper gives
QUIET = 0.12  # of the clip's usual amplitude: what may be cut
SHORTEST_PIECE = 0.22  # s
FADE = SAMPLE_RATE // 200
PAUSE = 0.12  # s, at most, between pieces
FEWEST, MOST = 2, 6  # pieces

Words = list[tuple[str, float, float]]  # word, start and end in seconds


@dataclass(frozen=True)
class Piece:
    """Words that were said in one go, and their samples in the recordings."""

    text: str
    start: int
    stop: int


def amplitudes(signal: Signal) -> Signal:
    """RMS of every 10 ms."""
    count = len(signal) // FRAME
    return np.sqrt(np.square(signal[: count * FRAME].reshape(count, FRAME)).mean(1) + 1e-12)


def cuts(signal: Signal, words: Words) -> list[tuple[int, int]]:
    """(words before it, sample) of every place between two words that is quiet enough."""
    loud = amplitudes(signal)
    usual = float(np.sqrt(np.square(loud).mean()))
    found: list[tuple[int, int]] = []
    for number in range(1, len(words)):
        end, start = words[number - 1][2], words[number][1]
        low = max(0, int((min(end, start) - NEAR) * 100))
        high = min(len(loud), int((max(end, start) + NEAR) * 100) + 1)
        if high <= low:
            continue
        at = low + int(np.argmin(loud[low:high]))
        sample = at * FRAME + FRAME // 2
        if loud[at] < QUIET * usual and (not found or sample > found[-1][1]):
            found.append((number, sample))
    return found


def pieces_of(text: str, offset: int, samples: int, places: list[tuple[int, int]]) -> list[Piece]:
    """What lies between neighbouring cuts, long enough to be words."""
    words = text.split()
    marks = [(0, 0), *places, (len(words), samples)]
    return [
        Piece(" ".join(words[first:last]), offset + start, offset + stop)
        for (first, start), (last, stop) in pairwise(marks)
        if stop - start >= SHORTEST_PIECE * SAMPLE_RATE
    ]


def spliced(pcm: np.ndarray, pieces: list[Piece], rng: random.Random) -> np.ndarray:
    """int16 samples: the pieces one after the other, faded at the seams, with short pauses."""
    parts: list[np.ndarray] = []
    ramp = np.linspace(0, 1, FADE, dtype=np.float32)
    for number, piece in enumerate(pieces):
        part = pcm[piece.start : piece.stop].astype(np.float32)
        part[:FADE] *= ramp
        part[-FADE:] *= ramp[::-1]
        if number and rng.random() < 0.5:
            parts.append(np.zeros(int(rng.uniform(0, PAUSE) * SAMPLE_RATE), np.float32))
        parts.append(part)
    return np.concatenate(parts).astype(np.int16)


def training_clips(directory: Path) -> tuple[np.ndarray, list[dict[str, Any]]]:
    pcm = np.memmap(directory / "recordings.i16", np.int16, "r")
    rows = json.loads((directory / "recordings.json").read_text())
    return pcm, [row for row in rows if row["set"] == SET and row["split"] == "train"]


def align(directory: Path, whisper: Path) -> dict[str, list[tuple[int, int]]]:
    """Cuts by text, of the clips that Whisper hears word by word as they were written."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(whisper), device="cpu", compute_type="int8", cpu_threads=1)
    pcm, clips = training_clips(directory)
    found: dict[str, list[tuple[int, int]]] = {}
    for clip in clips:
        signal = pcm[clip["offset"] : clip["offset"] + clip["samples"]].astype(np.float32) / 32768
        segments, _ = model.transcribe(
            signal, language="en", beam_size=1, temperature=0.0, word_timestamps=True,
            condition_on_previous_text=False,
        )  # fmt: skip
        words = [word for segment in segments for word in segment.words or ()]
        timed = [(spoken(word.word), word.start, word.end) for word in words]
        if [word for word, _, _ in timed] == clip["text"].split():
            found[clip["text"]] = cuts(signal, timed)
    print(f"{len(found)} of {len(clips)} clips heard as written, "
          f"{sum(map(len, found.values()))} cuts")  # fmt: skip
    return found


def entry(text: str, samples: np.ndarray, offset: int, writer: TurnWriter) -> dict[str, Any]:
    """As ``synthesise.entry``; whether such a sentence is complete nobody can say."""
    made = label({"text": text}, text) | {
        "question": None, "steps": [], "finished": None, "follows": False, "in_dialogue": False,
        "offset": offset, "samples": len(samples), "whispered": False, "pace": "unclear",
        "pitch": round(median_pitch(samples.astype(np.float32) / 32768), 1),
        "rate": round(len(text) / (len(samples) / SAMPLE_RATE), 2),
        "engine": "people", "voice": "spliced",
    }  # fmt: skip
    return made | writer.stored(made)


def make(
    directory: Path, shards: Path, places: dict[str, list[tuple[int, int]]], writer: TurnWriter,
    count: int,
) -> None:  # fmt: skip
    pcm, clips = training_clips(directory)
    pieces = [
        piece
        for clip in clips
        if clip["text"] in places
        for piece in pieces_of(clip["text"], clip["offset"], clip["samples"], places[clip["text"]])
    ]
    shards.mkdir(parents=True, exist_ok=True)
    for number in range(-(-count // SHARD)):
        rng = random.Random(f"splices {number}")
        entries: list[dict[str, Any]] = []
        parts: list[np.ndarray] = []
        position = 0
        while len(entries) < SHARD:
            chosen = rng.sample(pieces, rng.randint(FEWEST, MOST))
            samples = spliced(pcm, chosen, rng)
            if len(samples) > LONGEST * SAMPLE_RATE:
                continue
            text = " ".join(piece.text for piece in chosen)
            entries.append(entry(text, samples, position, writer))
            parts.append(samples)
            position += len(samples)
        write_shard(shards / f"shard_{FIRST_SHARD + number}", entries, parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    slow = commands.add_parser("align")
    slow.add_argument("recordings", type=Path)
    slow.add_argument("output", type=Path)
    slow.add_argument("--whisper", type=Path, required=True, help="CTranslate2 model directory")
    fast = commands.add_parser("make")
    fast.add_argument("recordings", type=Path)
    fast.add_argument("shards", type=Path)
    fast.add_argument("--tokenizer", type=Path, required=True)
    fast.add_argument("--hearing", type=Path, required=True)
    fast.add_argument("--count", type=int, default=20_000)
    fast.add_argument("--labels", type=Path, default=LABELS)
    args = parser.parse_args()
    if args.command == "align":
        found = align(args.recordings, args.whisper)
        args.output.write_text(json.dumps(found, separators=(",", ":")) + "\n")
    else:
        writer = TurnWriter(load_tokenizer(args.tokenizer), Tokenizer.from_file(str(args.hearing)))
        make(args.recordings, args.shards, json.loads(args.labels.read_text()), writer, args.count)


if __name__ == "__main__":
    main()
