"""The two log-mel front ends (PyTorch for training, numpy for the engine's reference) agree."""

from __future__ import annotations

import numpy as np
import pytest

from aloud_nano.bundle import preprocessor_config
from aloud_nano.runtime import MelFrontEnd


@pytest.fixture(scope="module")
def front_end() -> MelFrontEnd:
    return MelFrontEnd(preprocessor_config())


def test_frames_are_causal(front_end: MelFrontEnd) -> None:
    """Frame t ends at sample 160t+160: what comes later changes nothing."""
    rng = np.random.default_rng(0)
    samples = rng.standard_normal(4800).astype(np.float32) * 0.1
    other = samples.copy()
    other[1600:] = 0
    first, second = front_end(samples), front_end(other)
    assert np.array_equal(first[:, :10], second[:, :10])
    assert not np.array_equal(first[:, 10], second[:, 10])


def test_silence_is_the_floor(front_end: MelFrontEnd) -> None:
    assert np.allclose(front_end(np.zeros(1600, np.float32)), -1.0)


def test_a_tone_lands_in_its_band(front_end: MelFrontEnd) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    loudest = int(front_end(tone)[:, 50].argmax())
    assert loudest in (25, 26, 27)  # of 80 bands, the one around 1 kHz


def test_training_front_end_agrees(front_end: MelFrontEnd) -> None:
    torch = pytest.importorskip("torch", reason="needs PyTorch (the train extra)")
    from aloud_nano.mel import LogMel

    samples = np.random.default_rng(1).standard_normal(16_000).astype(np.float32) * 0.1
    theirs = LogMel()(torch.from_numpy(samples)[None])[0].numpy()
    assert np.abs(theirs - front_end(samples)).max() < 1e-4
