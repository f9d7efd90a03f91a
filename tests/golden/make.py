"""Make the references in tests/golden/nano: run this once for every new version of the weights.

    PYTHONPATH=engine/training python3 tests/golden/make.py

Needs numpy, onnxruntime, tokenizers and opusdec (opus-tools). It runs the graphs of engine/models/nano with Python's
onnxruntime, in the block loop of aloud_nano.runtime, over clips of tests/fixtures.

- ``NAME.wav``: the clip, 16 kHz mono 16 bit, at most ``MAX_SECONDS``.
- ``golden.json``: ``graphs`` = path → SHA-256 of the graphs that were run; ``clips`` = for each clip its
  greedy CTC text ``ctc`` (spaces collapsed), the greedy token ``ids`` after ``<think>`` up to and with ``<|eot|>``
  (at most ``MAX_TOKENS``), and ``mel`` and ``embeddings``: every ``MEL_EVERY``-th feature frame (80 values) and every
  ``EMBED_EVERY``-th audio embedding, float32 little-endian in base64.
"""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
from aloud_nano.runtime import NanoRuntime

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MODEL = ROOT / "engine/models/nano"
OUT = HERE / "nano"
CLIPS = ("timer", "sum", "voice", "lights", "noise", "short-pause")
MAX_SECONDS = 2.5
MAX_TOKENS = 60
MEL_EVERY = 12
EMBED_EVERY = 4
RATE_HZ = 16_000


def read_clip(name: str) -> np.ndarray:
    """16 bit samples of a fixture."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "clip.wav"
        source = ROOT / "tests/fixtures" / f"{name}.opus"
        command = ["opusdec", "--quiet", "--rate", str(RATE_HZ), "--no-dither", str(source), str(path)]
        subprocess.run(command, check=True)
        with wave.open(str(path)) as clip:
            samples = np.frombuffer(clip.readframes(clip.getnframes()), np.int16)
            samples = samples.reshape(-1, clip.getnchannels())[:, 0]
    return samples[: int(MAX_SECONDS * RATE_HZ)]


def write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as clip:
        clip.setnchannels(1)
        clip.setsampwidth(2)
        clip.setframerate(RATE_HZ)
        clip.writeframes(samples.astype("<i2").tobytes())


def packed(values: np.ndarray) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode()


def reference(nano: NanoRuntime, samples: np.ndarray) -> dict[str, object]:
    frames = nano.config["audio"]["block_frames"]
    block = frames * nano.mel.settings["hop_length"]
    # In float64, so that the reference is not the less exact side of the comparison.
    padded = np.pad(samples / 32768.0, (0, -len(samples) % block))
    mel = nano.mel(padded)
    stream = nano.open()
    stream.audio_state = nano.initial_audio_state()
    prompt = nano.config["prompt"]
    nano.feed(stream, nano.embed([nano.special[name] for name in prompt["user_open"]]))
    for start in range(0, mel.shape[1], frames):
        embeds, ctc = nano.encode_block(stream, mel[:, start : start + frames])
        stream.embeds.append(embeds)
        stream.ctc.append(ctc)
        nano.feed(stream, embeds)
    nano.feed(stream, nano.embed([nano.special[name] for name in prompt["user_close"]]))
    return {
        "ctc": " ".join(nano.transcript(stream).split()),
        "ids": nano.generate(stream, limit=MAX_TOKENS).ids,
        "mel": packed(mel.T[::MEL_EVERY]),
        "embeddings": packed(np.concatenate(stream.embeds)[::EMBED_EVERY]),
    }


def main() -> None:
    OUT.mkdir(exist_ok=True)
    nano = NanoRuntime(MODEL)
    clips = []
    for name in CLIPS:
        samples = read_clip(name)
        write_wav(OUT / f"{name}.wav", samples)
        clips.append({"name": name, **reference(nano, samples)})
    files = json.loads((MODEL / "manifest.json").read_text())["files"]
    graphs = {path: entry["sha256"] for path, entry in files.items() if path.endswith(".onnx")}
    golden = {"melEvery": MEL_EVERY, "embeddingsEvery": EMBED_EVERY, "graphs": graphs, "clips": clips}
    (OUT / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
