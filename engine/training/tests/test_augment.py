"""What the renderer makes of a scene's numbers, measured in the waveform."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from aloud_nano.augment import companded, ctc_loss, render  # noqa: E402
from aloud_nano.config import SAMPLE_RATE  # noqa: E402
from aloud_nano.scene import KINDS, RENDER_FLOATS, RENDER_INTEGERS  # noqa: E402
from aloud_nano.sounds import LENGTH  # noqa: E402

BLOCKS = 9
PLAIN = {
    "offset": 0, "samples": 40_000, "before": 8_000, "total": 60_000, "blocks": BLOCKS,
    "sound": -1, "sound_start": 0, "warp": 0, "babble": 0, "codec": 0, "gaps": 0, "level": -26.0,
    "snr": 60.0, "noise_colour": 0.0, "reverb_time": 0.05, "direct_ratio": 60.0,
    "low_pass": 9000.0, "high_pass": 1.0, "tilt": 0.0, "sound_snr": 0.0, "sound_speed": 1.0,
    "ramp": 0.0, "noise_swing": 0.0, "babble_snr": 0.0, "clip": 60.0,
}  # fmt: skip
SILENT = {"silent_floor": True}


@pytest.fixture(scope="module")
def store() -> torch.Tensor:
    """Forty clips' worth of hiss that starts and stops like syllables."""
    rng = np.random.default_rng(0)
    hiss = rng.standard_normal(400_000) * (np.sin(np.arange(400_000) / 700) > -0.3)
    return torch.from_numpy((hiss * 3000).astype(np.int16))


@pytest.fixture(scope="module")
def bank() -> torch.Tensor:
    time = torch.arange(LENGTH) / SAMPLE_RATE
    return (1.414 * torch.sin(2 * torch.pi * 1000 * time))[None].half()


def heard(store, bank, kind: str = "speech", **changed) -> torch.Tensor:
    torch.manual_seed(0)
    numbers = PLAIN | SILENT | changed
    scene = {name: torch.tensor([numbers[name]]) for name in RENDER_INTEGERS}
    scene |= {name: torch.tensor([float(numbers[name])]) for name in RENDER_FLOATS}
    scene["kind"] = torch.tensor([KINDS.index(kind)])
    scene["silent_floor"] = torch.tensor([numbers["silent_floor"]])
    pool = {
        "offset": torch.tensor([0, 100_000, 200_000, 300_000]),
        "samples": torch.tensor([50_000] * 4), "kind": torch.zeros(4),
    }  # fmt: skip
    return render(store, bank, scene, BLOCKS, pool)[0][0]


def decibels(signal: torch.Tensor) -> float:
    return float(10 * torch.log10(signal.square().mean() + 1e-12))


SPEECH = slice(8_000, 48_000)


@pytest.mark.parametrize("level", [-46.0, -26.0, -16.0])
def test_speech_has_the_level_of_the_scene(store, bank, level: float) -> None:
    assert decibels(heard(store, bank, level=level)[SPEECH]) == pytest.approx(level, abs=0.5)


@pytest.mark.parametrize("ramp", [-14.0, 14.0])
def test_a_ramp_makes_the_end_louder_or_quieter(store, bank, ramp: float) -> None:
    speech = heard(store, bank, ramp=ramp)[SPEECH]
    gained = decibels(speech[-8_000:]) - decibels(speech[:8_000])
    assert gained == pytest.approx(ramp * 0.8, abs=3)


def test_the_sound_comes_where_the_scene_puts_it(store, bank) -> None:
    """After the question, at its own level, faster if the scene says so."""
    audio = heard(store, bank, sound=0, sound_start=50_000, total=69_000, sound_speed=1.1)
    after = audio[52_000:68_000]
    assert decibels(after) == pytest.approx(-26, abs=1)
    crossings = (after.sign().diff() != 0).float().mean() * SAMPLE_RATE / 2
    assert float(crossings) == pytest.approx(1100, rel=0.01)
    assert decibels(audio[48_200:49_900]) < -60


def test_babble_alone_has_the_scene_s_level_and_no_speaker(store, bank) -> None:
    audio = heard(store, bank, kind="noise", babble=1, level=-30.0)
    assert decibels(audio[:60_000]) == pytest.approx(-30, abs=1.5)
    assert audio[60_000:].abs().max() == 0


def test_babble_stands_below_the_speech(store, bank) -> None:
    audio = heard(store, bank, babble=1, babble_snr=12.0)
    assert decibels(audio[:7_900]) == pytest.approx(-38, abs=3)


def test_the_telephone_cuts_the_band(store, bank) -> None:
    for codec in (1, 2):
        spectrum = torch.fft.rfft(heard(store, bank, codec=codec)[SPEECH]).abs().square()
        frequency = torch.fft.rfftfreq(40_000, 1 / SAMPLE_RATE)
        inside = spectrum[(frequency > 500) & (frequency < 3000)].mean()
        outside = spectrum[frequency > 4100].mean()
        assert 10 * torch.log10(inside / outside) > 35


@pytest.mark.parametrize("law", [1, 2])
def test_companding_keeps_a_signal_within_its_steps(law: int) -> None:
    """G.711 gives about 37 dB over a wide range of levels."""
    for level in (0.5, 0.05):
        signal = level * torch.sin(torch.arange(8000) * 0.37)[None]
        error = companded(signal, torch.tensor([[law]])) - signal
        assert 30 < decibels(signal) - decibels(error) < 45


def test_lost_packets_are_exact_zeros(store, bank) -> None:
    audio = heard(store, bank, gaps=4, silent_floor=False, snr=10.0)
    zeros = int((audio[:60_000] == 0).sum())
    assert 300 < zeros <= 4 * 960 + 10


def test_clipping_holds_the_peaks(store, bank) -> None:
    audio = heard(store, bank, clip=3.0)
    assert audio.abs().max() <= 10 ** ((-26 + 3) / 20) + 1e-4


def test_all_noise_colours_have_the_scene_s_snr(store, bank) -> None:
    for colour in (-1.0, 0.0, 2.5):
        audio = heard(store, bank, silent_floor=False, snr=10.0, noise_colour=colour)
        assert decibels(audio[:7_900]) == pytest.approx(-36, abs=4)


def test_a_live_transcript_of_noise_is_an_error_and_of_unknown_words_is_not() -> None:
    """Two clips of one block without pieces: noise, and words that are not known."""
    batch = {
        "first_block": torch.tensor([0, 1]), "blocks": torch.tensor([1, 1]),
        "ctc": torch.zeros(2, 1, dtype=torch.int64), "ctc_length": torch.tensor([0, 0]),
        "wordless": torch.tensor([True, False]),
    }  # fmt: skip
    lengths = (torch.tensor([24, 24]), torch.tensor([0, 0]))

    def loss(words_in: int) -> float:
        logits = torch.zeros(2, 24, 5)
        logits[:, :, 0] = 9.0  # blank
        logits[words_in, 10, 2] = 20.0
        return float(ctc_loss(logits, batch, *lengths))

    assert loss(words_in=0) > 10
    assert loss(words_in=1) < 0.1
