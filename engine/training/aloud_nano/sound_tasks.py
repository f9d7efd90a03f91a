"""Sounds that a question is asked about, with the facts that answer it.

Sequences of beeps, knocks, claps, bells and clicks; tones that differ in pitch, level or length;
chords, rhythms, glides; two sounds one after the other. How a sound came to be is never a hint to
its answer: timbre, pitch, level and speed are drawn apart from the facts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aloud_nano.config import SAMPLE_RATE
from aloud_nano.grammar.sound import EVENTS, ORDERED
from aloud_nano.sounds import (
    LENGTH,
    Bank,
    Facts,
    Made,
    Wave,
    draw_wave,
    fade,
    gather,
    oscillate,
    place,
    strike,
)

# kind of task → weight
TASKS = {
    "events": 40, "tones": 10, "levels": 6, "lengths": 6, "three": 8, "chord": 9, "rhythm": 9,
    "direction": 6, "order": 12,
}  # fmt: skip
SECONDS = LENGTH / SAMPLE_RATE
Drawn = tuple[Wave, int, Facts]


def _event(rng: np.random.Generator, name: str) -> Wave:
    """One event of at most 0.2 s."""
    size = int(rng.uniform(0.08, 0.16) * SAMPLE_RATE)
    time = np.arange(size) / SAMPLE_RATE
    if name == "beep":
        pitch = np.exp(rng.uniform(np.log(500), np.log(2800)))
        return 0.6 * oscillate(pitch, size, int(rng.integers(4))) * fade(size)
    if name == "bell":
        pitch = np.exp(rng.uniform(np.log(700), np.log(2000)))
        return 0.7 * strike(rng, pitch, 0.3, "bell") / 2
    if name == "knock":
        body = np.sin(2 * np.pi * rng.uniform(80, 260) * time)
        hit = body * np.exp(-time / rng.uniform(0.015, 0.04))
        return 1.4 * (hit + 0.3 * rng.standard_normal(size) * np.exp(-time / 0.004))
    if name == "clap":
        hiss = np.diff(rng.standard_normal(size + 1))
        return hiss * np.exp(-time / rng.uniform(0.010, 0.022))
    tick = np.sin(2 * np.pi * rng.uniform(1800, 4200) * time) * np.exp(-time / 0.003)
    return 1.6 * (tick + 0.5 * rng.standard_normal(size) * np.exp(-time / 0.001))


def _events(rng: np.random.Generator) -> Drawn:
    """One to eight events of one to three kinds; the events of a kind sound alike."""
    number = int(
        rng.choice([1, 2, 3, 4, 5, 6, 7, 8], p=[0.06, 0.14, 0.2, 0.2, 0.15, 0.12, 0.08, 0.05])
    )
    kinds = rng.permutation(EVENTS)[: int(rng.choice([1, 2, 2, 2, 3]))]
    names = [str(kinds[int(rng.integers(len(kinds)))]) for _ in range(number)]
    waves = {name: _event(rng, name) for name in set(names)}
    gap = min(rng.uniform(0.24, 0.6), (SECONDS - 0.4) / max(number - 1, 1))
    out, position = np.zeros(LENGTH), 0.0
    for name in names:
        place(out, waves[name] * rng.uniform(0.85, 1.1), position * SAMPLE_RATE)
        position += gap * rng.uniform(0.85, 1.0)
    return out, _active(out), {"task": "events", "events": " ".join(names)}


def _active(out: Wave) -> int:
    loud = np.flatnonzero(np.abs(out) > 1e-3 * np.abs(out).max())
    return min(LENGTH, int(loud[-1]) + 160)


def _notes(
    rng: np.random.Generator, pitches: list[float], levels: list[float], seconds: list[float]
) -> tuple[Wave, int]:
    """Tones of one timbre one after another."""
    timbre, piano = int(rng.integers(4)), rng.random() < 0.3
    gap = rng.uniform(0.08, 0.3)
    out, position = np.zeros(LENGTH), 0.0
    for pitch, level, length in zip(pitches, levels, seconds, strict=True):
        size = int(length * SAMPLE_RATE)
        note = (
            strike(rng, pitch, length, "piano")
            if piano
            else oscillate(pitch, size, timbre) * fade(size, 0.015)
        )
        place(out, note * level, position * SAMPLE_RATE)
        position += length + gap
    return out, _active(out)


def _steps(rng: np.random.Generator, count: int) -> list[float]:
    """Pitches at least three semitones apart, lowest first."""
    base = np.exp(rng.uniform(np.log(170), np.log(900)))
    pitches = [base]
    for _ in range(count - 1):
        pitches.append(pitches[-1] * 2 ** (rng.uniform(3, 12 if count == 2 else 8) / 12))
    return [float(p) for p in pitches]


def _tones(rng: np.random.Generator) -> Drawn:
    low_first = rng.random() < 0.5
    pitches = _steps(rng, 2)
    length = rng.uniform(0.25, 0.8)
    wave, size = _notes(
        rng, pitches if low_first else pitches[::-1], [1.0, 1.0],
        [length, length * rng.uniform(0.85, 1.15)],
    )  # fmt: skip
    return wave, size, {"task": "tones", "tones": "low high" if low_first else "high low"}


def _three(rng: np.random.Generator) -> Drawn:
    order = [int(i) for i in rng.permutation(3)]
    pitches = _steps(rng, 3)
    length = rng.uniform(0.22, 0.6)
    wave, size = _notes(rng, [pitches[i] for i in order], [1.0] * 3, [length] * 3)
    names = ("low", "middle", "high")
    return wave, size, {"task": "three", "tones": " ".join(names[i] for i in order)}


def _levels(rng: np.random.Generator) -> Drawn:
    soft = 10 ** (-rng.uniform(7, 16) / 20)
    soft_first = rng.random() < 0.5
    pitch, length = np.exp(rng.uniform(np.log(200), np.log(1500))), rng.uniform(0.25, 0.8)
    wave, size = _notes(
        rng, [pitch, pitch * 2 ** (rng.uniform(-2, 2) / 12)],
        [soft, 1.0] if soft_first else [1.0, soft], [length, length],
    )  # fmt: skip
    return wave, size, {"task": "levels", "levels": "soft loud" if soft_first else "loud soft"}


def _lengths(rng: np.random.Generator) -> Drawn:
    short = rng.uniform(0.15, 0.5)
    long = short * rng.uniform(2, 4)
    short_first = rng.random() < 0.5
    pitch = np.exp(rng.uniform(np.log(200), np.log(1500)))
    wave, size = _notes(
        rng, [pitch, pitch * 2 ** (rng.uniform(-2, 2) / 12)], [1.0, 1.0],
        [short, long] if short_first else [long, short],
    )  # fmt: skip
    return wave, size, {"task": "lengths", "lengths": "short long" if short_first else "long short"}


def _chord(rng: np.random.Generator) -> Drawn:
    """A triad at once or note by note, in root position, sometimes with an octave added."""
    minor = rng.random() < 0.5
    steps = [0, 3 if minor else 4, 7] + ([12] if rng.random() < 0.4 else [])
    base = np.exp(rng.uniform(np.log(130), np.log(420)))
    timbre, piano, broken = int(rng.integers(4)), rng.random() < 0.45, rng.random() < 0.4
    length = rng.uniform(1.2, 2.4)
    out = np.zeros(LENGTH)
    spread = rng.uniform(0.15, 0.3) if broken else 0.0
    for index, step in enumerate(steps):
        pitch = base * 2 ** (step / 12)
        size = int((length - index * spread) * SAMPLE_RATE)
        note = (
            strike(rng, pitch, size / SAMPLE_RATE, "piano")
            if piano
            else oscillate(pitch, size, timbre) * fade(size, 0.02, rng.uniform(0.6, 3))
        )
        place(out, note, index * spread * SAMPLE_RATE)
    return out, _active(out), {"task": "chord", "chord": "minor" if minor else "major"}


def _rhythm(rng: np.random.Generator) -> Drawn:
    """Hits at equal gaps (within 2 %), or at gaps of two lengths that differ by half or more."""
    steady = rng.random() < 0.5
    name = str(rng.choice(EVENTS))
    number = int(rng.integers(4, 8))
    hit = _event(rng, name)
    short = rng.uniform(0.22, 0.42)
    if steady:
        gaps = ["equal"] * (number - 1)
    else:
        while True:
            gaps = [str(rng.choice(["short", "long"])) for _ in range(number - 1)]
            if len(set(gaps)) == 2:
                break
    ratio = rng.uniform(1.6, 2.2)
    seconds = [short * (ratio if g == "long" else 1) * rng.uniform(0.98, 1.02) for g in gaps]
    scale = min(1.0, (SECONDS - 0.35) / sum(seconds))
    out, position = np.zeros(LENGTH), 0.0
    for gap in [*seconds, 0.0]:
        place(out, hit * rng.uniform(0.9, 1.05), position * SAMPLE_RATE)
        position += gap * scale
    facts = {"task": "rhythm", "rhythm": "steady" if steady else "uneven"}
    facts["gaps"] = "equal" if steady else " ".join(gaps)
    return out, _active(out), facts


def _direction(rng: np.random.Generator) -> Drawn:
    rising = rng.random() < 0.5
    size = int(rng.uniform(0.7, 2.2) * SAMPLE_RATE)
    low = np.exp(rng.uniform(np.log(180), np.log(1200)))
    high = low * 2 ** rng.uniform(0.5, 1.6)
    sweep = np.linspace(0, 1, size) ** rng.uniform(0.6, 1.6)
    pitch = low * (high / low) ** (sweep if rising else sweep[::-1])
    out = np.zeros(LENGTH)
    out[:size] = oscillate(pitch, size, int(rng.integers(3))) * fade(size, 0.03)
    return out, size, {"task": "direction", "direction": "rising" if rising else "falling"}


def _order(rng: np.random.Generator) -> Drawn:
    """Two different sounds of equal loudness, a little silence between them."""
    first, second = (str(n) for n in rng.permutation(list(ORDERED))[:2])
    out, position = np.zeros(LENGTH), 0
    for name in (first, second):
        size = int(rng.uniform(0.9, 1.5) * SAMPLE_RATE)
        wave, _, active = draw_wave(rng, name, size)
        piece = wave[: min(size, active)]
        piece = piece * np.minimum(1, np.arange(len(piece))[::-1] / 800)
        piece = piece / (np.sqrt(np.square(piece).mean()) + 1e-6)
        place(out, piece, position)
        position += len(piece) + int(rng.uniform(0.05, 0.2) * SAMPLE_RATE)
    return out, _active(out), {"task": "order", "order": f"{first} {second}"}


_DRAWERS = {
    "events": _events, "tones": _tones, "levels": _levels, "lengths": _lengths, "three": _three,
    "chord": _chord, "rhythm": _rhythm, "direction": _direction, "order": _order,
}  # fmt: skip


def make_task(seed: int) -> Made:
    rng = np.random.default_rng(seed)
    weights = np.array(list(TASKS.values()), float)
    name = list(TASKS)[int(rng.choice(len(TASKS), p=weights / weights.sum()))]
    wave, size, facts = _DRAWERS[name](rng)
    return _loudest(wave), name, 0, min(LENGTH, size), facts


def _loudest(wave: Wave) -> NDArray[np.float16]:
    """Scaled so that the loudest 50 ms have an RMS of 1.4: a lone click is not a gunshot."""
    power = np.square(wave).reshape(-1, 800).mean(1).max()
    return np.clip(wave * (1.4 / (np.sqrt(power) + 1e-6)), -60, 60).astype(np.float16)


def make_tasks(seed: int, count: int, processes: int = 1) -> Bank:
    """Sounds with facts; ``kinds`` is the name of the task."""
    return gather(make_task, [seed * 1_000_003 + index for index in range(count)], processes)
