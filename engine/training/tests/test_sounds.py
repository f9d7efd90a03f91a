"""Sounds that questions are asked about: what their facts say can be heard in the waveform."""

from __future__ import annotations

import numpy as np
import pytest

from aloud_nano.config import SAMPLE_RATE
from aloud_nano.grammar.sound import SOUNDS
from aloud_nano.sound_tasks import TASKS, make_tasks
from aloud_nano.sounds import KINDS, LENGTH, Bank, make_bank


@pytest.fixture(scope="module")
def tasks() -> Bank:
    return make_tasks(5, 160)


def active(bank: Bank, task: str) -> list[tuple[np.ndarray, dict[str, str]]]:
    return [
        (wave[:length].astype(np.float32), facts)
        for wave, length, facts in zip(bank.waves, bank.lengths, bank.facts, strict=True)
        if facts["task"] == task
    ]


def crossings(signal: np.ndarray) -> float:
    """Mean frequency in Hz by zero crossings."""
    return float((np.diff(np.signbit(signal)) != 0).mean() * SAMPLE_RATE / 2)


def test_every_kind_is_made_and_has_words() -> None:
    bank = make_bank(1, 200)
    assert set(bank.kinds) == set(KINDS) <= set(SOUNDS)
    assert np.isfinite(bank.waves).all() and bank.waves.shape == (200, LENGTH)
    for wave, length in zip(bank.waves, bank.lengths, strict=True):
        assert np.square(wave[:length].astype(np.float32)).mean() == pytest.approx(1, abs=0.2)


def test_a_bank_grows_with_its_facts(tasks: Bank) -> None:
    both = make_bank(1, 3).extended(tasks)
    assert both.facts[:3] == [{}, {}, {}] and both.facts[3:] == tasks.facts
    index = both.index()
    assert len(index.facts) == len(index.kinds) == len(both.waves)


def test_every_task_appears(tasks: Bank) -> None:
    assert set(tasks.kinds) == set(TASKS)


def test_direction_is_in_the_pitch(tasks: Bank) -> None:
    for wave, facts in active(tasks, "direction"):
        third = len(wave) // 3
        rises = crossings(wave[-third:]) > crossings(wave[:third])
        assert facts["direction"] == ("rising" if rises else "falling")


def test_the_louder_tone_is_louder(tasks: Bank) -> None:
    for wave, facts in active(tasks, "levels"):
        half = len(wave) // 2
        first, second = (np.square(w).mean() for w in (wave[:half], wave[half:]))
        assert facts["levels"] == ("soft loud" if first < second else "loud soft")


def test_events_are_apart_and_counted(tasks: Bank) -> None:
    """Onsets, found as rises of the envelope, are as many as the facts say (bells ring on)."""
    right = total = 0
    for wave, facts in active(tasks, "events"):
        if "bell" in facts["events"]:
            continue
        envelope = np.square(wave[: len(wave) // 160 * 160].reshape(-1, 160)).mean(1)
        loud = envelope > 0.02 * envelope.max()
        gaps = np.flatnonzero(loud)
        onsets = 1 + int((np.diff(gaps) > 4).sum())
        total += 1
        right += onsets == len(facts["events"].split())
    assert total > 10 and right >= 0.9 * total


def test_steady_rhythms_have_equal_gaps(tasks: Bank) -> None:
    for _, facts in active(tasks, "rhythm"):
        gaps = set(facts["gaps"].split())
        assert (gaps == {"equal"}) == (facts["rhythm"] == "steady")
        assert gaps in ({"equal"}, {"short", "long"})
