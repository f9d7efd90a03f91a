"""Write golden references for the TypeScript engine from the exported model.

Usage: python -m aloud_nano.golden MODEL_DIRECTORY OUTPUT_DIRECTORY [--make-clips]

Everything is computed with onnxruntime on the int8 graphs, one thread, one block at a time.
``--make-clips`` synthesises the input clips again (espeak-ng); otherwise those there are used.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from aloud_nano.audio import Signal, read_wave, resample, write_wave
from aloud_nano.config import SAMPLE_RATE
from aloud_nano.runtime import Generated, NanoRuntime, Stream

MEL_FRAMES = 96
BLOCKS = 3
# The int8 kernels of processors differ in the last bits: where two tokens are about equally likely,
# each may choose another, and nothing can be compared.
CLEAR = 0.25  # logits
CLIPS = {
    "timer": ("set a timer for fifteen minutes", "en-us+f3", 200),
    "sum": ("what is ten times three minus five", "en-us+m5", 180),
    "lights": ("turn on the kitchen lights", "en-gb-x-rp+Annie", 190),
    "voice": ("describe my voice", "en-us+Andy", 200),
    "open": ("the boat sank near the harbor", "en-us+linda", 180),
    "silence": ("", "", 0),
}
TYPED = ["what is twelve times seven", "Remind me to buy milk in 20 minutes."]


def make_clip(text: str, voice: str, rate: int) -> Signal:
    """Speech with 300 ms before and 500 ms after, on a faint floor of noise."""
    from aloud_nano.voices import Espeak, normalise

    rng = np.random.default_rng(len(text))
    speech = np.zeros(SAMPLE_RATE // 2, np.float32)
    if text:
        espeak = Espeak()
        speech = espeak.say(text, voice, rate, 50, 50, 0)
        speech = normalise(resample(speech, SAMPLE_RATE / espeak.rate)) * 0.5
    padded = np.pad(speech, (int(0.3 * SAMPLE_RATE), int(0.5 * SAMPLE_RATE)))
    return (padded + rng.standard_normal(len(padded)) * 3e-4).astype(np.float32)


def chirp_and_noise() -> Signal:
    """A deterministic second: a sweep in integers, so that every language gets the same samples.

    sample n = ((n*n / 64) mod 4001 - 2000) / 8000 with integer division, n < 15360.
    """
    n = np.arange(15_360, dtype=np.int64)
    return (((n * n // 64) % 4001 - 2000) / 8000).astype(np.float32)


def save(path: Path, values: np.ndarray) -> dict[str, Any]:
    """Little-endian float32, row-major; returns the entry for the index."""
    np.ascontiguousarray(values, "<f4").tofile(path)
    return {"file": path.name, "shape": list(values.shape)}


def written(runtime: NanoRuntime, stream: Stream) -> str:
    """What the scribe writes down; nothing where the ear reads nothing."""
    if runtime.scribe is None or not runtime.transcript(stream):
        return ""
    ids, lead = runtime.scribe.write(stream.dictated)
    words = runtime.scribe.tokenizer.decode(ids).strip()
    if lead < CLEAR:
        raise ValueError(f"{words!r} hangs by {lead:.2f} logits: take another clip")
    return words


def answered(runtime: NanoRuntime, stream: Stream, think: bool) -> Generated:
    made = runtime.generate(stream, think)
    if made.lead < CLEAR:
        raise ValueError(
            f"{made.semantic + made.acoustic + made.answer!r} hangs by {made.lead:.2f} logits: "
            "no reference for other processors; take another clip"
        )
    return made


def turn(runtime: NanoRuntime, samples: Signal | None, text: str, think: bool) -> dict[str, Any]:
    stream = runtime.open()
    if samples is None:
        runtime.read(stream, text)
    else:
        runtime.hear(stream, samples)
    prefilled = stream.length
    made = answered(runtime, stream, think)
    return {
        "prefilled_tokens": prefilled, "token_ids": made.ids, "semantic": made.semantic,
        "acoustic": made.acoustic, "answer": made.answer,
        **({"ctc": runtime.transcript(stream)} if samples is not None else {}),
    }  # fmt: skip


def conversation(runtime: NanoRuntime, clips: dict[str, Signal]) -> list[dict[str, Any]]:
    """Three turns in one cache: spoken, typed, spoken."""
    stream, turns = runtime.open(), []
    for kind, value in (("clip", "timer"), ("text", TYPED[0]), ("clip", "lights")):
        if kind == "clip":
            runtime.hear(stream, clips[value])
        else:
            runtime.read(stream, value)
        prefilled = stream.length
        made = answered(runtime, stream, True)
        turns.append({kind: value, "prefilled_tokens": prefilled, "token_ids": made.ids,
                      "answer": made.answer})  # fmt: skip
    return turns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--make-clips", action="store_true")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    runtime = NanoRuntime(args.model)
    clips: dict[str, Signal] = {}
    index: dict[str, Any] = {
        "model_version": runtime.config["version"],
        "manifest": json.loads((args.model / "manifest.json").read_text())["files"],
        "made_with": {"onnxruntime": onnxruntime.__version__, "machine": platform.machine()},
        "synthetic": save(args.output / "synthetic.mel.f32", runtime.mel(chirp_and_noise())),
        "clips": {},
    }
    for name, (text, voice, rate) in CLIPS.items():
        path = args.output / f"{name}.wav"
        if args.make_clips or not path.exists():
            write_wave(path, make_clip(text, voice, rate))
        clips[name] = read_wave(path)[0]
        samples = clips[name]
        block = runtime.config["audio"]["block_frames"]
        padded = np.pad(samples, (0, -len(samples) % (block * 160)))
        mel = runtime.mel(padded)
        stream = runtime.open()
        runtime.hear(stream, samples)
        blocks = slice(BLOCKS)
        logits = np.concatenate(stream.ctc[:BLOCKS])
        index["clips"][name] = {
            "wav": path.name, "samples": len(samples), "spoken": text,
            "blocks": mel.shape[1] // block,
            "mel": save(args.output / f"{name}.mel.f32", mel[:, :MEL_FRAMES]),
            "cross": {
                "keys": save(args.output / f"{name}.keys.f32", np.stack(stream.keys[blocks])),
                "values": save(args.output / f"{name}.values.f32", np.stack(stream.values[blocks])),
            },
            "end_of_turn": stream.end_of_turn,
            "ctc_argmax": logits.argmax(-1).tolist(),
            "written": written(runtime, stream),
            "think": turn(runtime, samples, "", True),
            "direct": turn(runtime, samples, "", False),
        }  # fmt: skip
    index["typed"] = [{"text": t, "think": turn(runtime, None, t, True)} for t in TYPED]
    index["conversation"] = conversation(runtime, clips)
    (args.output / "golden.json").write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
