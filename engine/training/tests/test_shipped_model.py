"""The shipped int8 model: intact, its state signature, block loop equality, golden answers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from aloud_nano.audio import read_wave
from aloud_nano.runtime import NanoRuntime
from aloud_nano.tokens import ID

REPOSITORY = Path(__file__).resolve().parents[3]
MODEL = REPOSITORY / "engine" / "models" / "nano"
GOLDEN = REPOSITORY / "tests" / "golden" / "nano"

pytestmark = pytest.mark.skipif(
    not (MODEL / "manifest.json").exists(), reason="engine/models/nano is not there"
)


@pytest.fixture(scope="module")
def runtime() -> NanoRuntime:
    return NanoRuntime(MODEL)


def test_manifest_matches_the_files() -> None:
    files = json.loads((MODEL / "manifest.json").read_text())["files"]
    assert sum(entry["bytes"] for entry in files.values()) <= 60_000_000
    for name, entry in files.items():
        data = (MODEL / name).read_bytes()
        assert len(data) == entry["bytes"]
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]


def test_every_past_has_its_present(runtime: NanoRuntime) -> None:
    inputs = {node.name for node in runtime.encoder.get_inputs()}
    outputs = {node.name for node in runtime.encoder.get_outputs()}
    past = {name.removeprefix("past.") for name in inputs if name.startswith("past.")}
    assert past == {name.removeprefix("present.") for name in outputs if "present." in name}
    assert runtime.config["special_tokens"] == ID


def test_file_and_live_give_the_same_bits(runtime: NanoRuntime) -> None:
    samples, _ = read_wave(GOLDEN / "timer.wav")
    made = []
    for _ in range(2):
        stream = runtime.open()
        runtime.hear(stream, samples)
        made.append((stream.cross["cross.3.value"], runtime.generate(stream).ids))
    assert np.array_equal(made[0][0], made[1][0]) and made[0][1] == made[1][1]


def test_the_window_is_bounded_and_time_does_not_run_out(runtime: NanoRuntime) -> None:
    stream = runtime.open()
    stream.audio_state = runtime.initial_audio_state()
    block = np.full((80, 48), -1.0, np.float32)
    for _ in range(70):
        runtime.encode_block(stream, block)
    assert stream.audio_state["past.key"].shape[3] == runtime.config["audio"]["past_frames"]
    assert int(stream.audio_state["past.position"][0]) == 70 * 24
    kept = stream.cross["cross.0.key"]
    assert kept.shape[2] == 1 + runtime.config["audio"]["max_cross_frames"]
    assert np.isfinite(kept).all() and not kept[:, :, 0].any()


@pytest.mark.parametrize("name", ["timer", "sum", "lights", "voice", "open", "silence"])
def test_golden_answers(runtime: NanoRuntime, name: str) -> None:
    """Answers, not bits: int8 kernels differ between processors."""
    golden = json.loads((GOLDEN / "golden.json").read_text())["clips"][name]
    samples, _ = read_wave(GOLDEN / golden["wav"])
    stream = runtime.open()
    runtime.hear(stream, samples)
    assert runtime.generate(stream).answer == golden["think"]["answer"]
