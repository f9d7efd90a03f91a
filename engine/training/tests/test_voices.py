"""What is said of a synthetic voice is measured in its waveform. Needs espeak-ng and flite."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pytest

from aloud_nano.audio import median_pitch, whispered
from aloud_nano.config import SAMPLE_RATE
from aloud_nano.grammar import Item, Sampler
from aloud_nano.grammar.sound import pace_of
from aloud_nano.synthesise import draw_items, entry, speak
from aloud_nano.voices import HELD_OUT, Synthesiser

TEXT = "please tell me whether i speak fast or slow today"
needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="needs flite")


def buzz(hertz: float, seconds: float = 1.5) -> np.ndarray:
    """A vowel-like voice: pulses through two resonances."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pulses = np.sum([np.cos(2 * np.pi * hertz * h * time) for h in range(1, 30)], axis=0)
    return (pulses * (1 + 0.3 * np.sin(2 * np.pi * 3 * time)) / 60).astype(np.float32)


@pytest.mark.parametrize("hertz", [85.0, 130.0, 220.0])
def test_pitch_is_measured(hertz: float) -> None:
    assert median_pitch(buzz(hertz)) == pytest.approx(hertz, rel=0.03)


def test_whispering_takes_the_voice_out_and_keeps_the_length() -> None:
    voice = buzz(120)
    silent = whispered(voice, np.random.default_rng(0))
    assert len(silent) == len(voice) and np.isfinite(silent).all()
    spectrum = np.abs(np.fft.rfft(silent)) ** 2
    frequency = np.fft.rfftfreq(len(silent), 1 / SAMPLE_RATE)
    comb = spectrum[np.abs(frequency % 120) < 2].mean() / spectrum.mean()
    voiced = np.abs(np.fft.rfft(voice)) ** 2
    assert voiced[np.abs(frequency % 120) < 2].mean() / voiced.mean() > 10 > 3 > comb


def test_a_changed_rate_is_named() -> None:
    assert [pace_of(10, rate) for rate in (16, 10.5, 7, 12.5)] == ["up", "same", "down", "unclear"]


@needs_espeak
@needs_flite
def test_the_change_of_pace_is_the_one_asked_for_or_unclear() -> None:
    synthesiser, rng = Synthesiser("train"), random.Random(2)
    for change in ("up", "down", "same") * 6:
        spoken = synthesiser.say_changing(TEXT, rng, change)
        assert spoken.pace in (change, "unclear")


@needs_espeak
def test_held_out_voices_stay_apart() -> None:
    rng = random.Random(3)
    train, held_out = Synthesiser("train"), Synthesiser("held-out-espeak")
    for _ in range(400):
        assert train.speaker(rng).voice.split("+")[-1] not in HELD_OUT
        speaker = held_out.speaker(rng)
        assert speaker.voice.split("+")[-1] in HELD_OUT and not speaker.unvoiced


@needs_espeak
def test_an_entry_holds_what_was_measured() -> None:
    synthesiser, rng = Synthesiser("held-out-espeak"), random.Random(4)
    item = Item(TEXT, "listen(to=tempo)", None, question="tempo")
    spoken = speak(synthesiser, item, rng, synthesiser.speaker(rng))
    made = entry(item, spoken, 0, spoken.signal, follows=True)
    assert made["rate"] == pytest.approx(len(TEXT) / (len(spoken.signal) / SAMPLE_RATE), abs=0.01)
    assert made["pitch"] > 50 and made["follows"] and made["pace"] == "same"


def test_dialogues_are_drawn_without_what_tools_give_back() -> None:
    sampler, rng = (
        Sampler("train", ["the sun is warm today and the sea is calm"], ["sun"], 0.5),
        random.Random(5),
    )
    drawn = [draw_items(sampler, rng) for _ in range(300)]
    assert all(item.result is None for items in drawn for item in items)
