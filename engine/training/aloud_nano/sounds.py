"""Procedural background sounds: tones, beeps, sirens, knocks, music, engines, birds …"""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aloud_nano.config import SAMPLE_RATE

LENGTH = 51_200  # samples kept of one sound (3.2 s)
KINDS = ("tone beeps siren knocks chord melody ring clock engine birds alarm clap").split()
Wave = NDArray[np.float64]


@dataclass
class Bank:
    """Sounds of unit loudness [K, LENGTH] float16, with what each is."""

    waves: NDArray[np.float16]
    kinds: list[str]
    counts: list[int]  # of beeps, knocks, claps; 0 elsewhere
    lengths: list[int]

    def extended(self, other: Bank) -> Bank:
        return Bank(
            np.concatenate([self.waves, other.waves]),
            self.kinds + other.kinds,
            self.counts + other.counts,
            self.lengths + other.lengths,
        )


def _fade(size: int, attack: float = 0.005, decay: float | None = None) -> Wave:
    time = np.arange(size) / SAMPLE_RATE
    shape = np.minimum(1, time / attack)
    if decay:
        shape = shape * np.exp(-time / decay)
    return shape * np.minimum(1, (size / SAMPLE_RATE - time) / 0.005)


def _oscillate(frequency: float | Wave, size: int, timbre: int) -> Wave:
    time = np.arange(size) / SAMPLE_RATE
    cycles = np.cumsum(frequency) / SAMPLE_RATE if np.ndim(frequency) else frequency * time
    phase = 2 * np.pi * cycles
    if timbre == 0:
        return np.sin(phase)
    if timbre == 1:
        return np.tanh(3 * np.sin(phase))
    if timbre == 2:
        return np.sum([np.sin(phase * h) / h for h in range(1, 6)], axis=0)
    return np.sin(phase + 2 * np.sin(2 * phase))


def _place(target: Wave, piece: Wave, position: float) -> None:
    start = int(position)
    size = min(len(piece), len(target) - start)
    if size > 0:
        target[start : start + size] += piece[:size]


def _beeps(rng: np.random.Generator, out: Wave, size: int, kind: str) -> tuple[int, int]:
    pitch = np.exp(rng.uniform(np.log(500), np.log(3200)))
    if kind == "beeps":
        count = int(rng.integers(1, 6))
        length = rng.uniform(0.08, 0.25)
        gap = length + rng.uniform(0.15, 0.35)
        gap = min(gap, (LENGTH / SAMPLE_RATE - length) / max(count - 1, 1))
        number = count
    else:
        count, length = 0, rng.uniform(0.04, 0.08)
        gap = length * 2
        number = int(size / SAMPLE_RATE / gap)
    timbre = int(rng.integers(4))
    piece_size = int(length * SAMPLE_RATE)
    piece = _oscillate(pitch, piece_size, timbre) * _fade(piece_size)
    for index in range(number):
        _place(out, piece, index * gap * SAMPLE_RATE)
    return min(LENGTH, int(((number - 1) * gap + length) * SAMPLE_RATE) + 100), count


def _hits(rng: np.random.Generator, out: Wave, kind: str) -> tuple[int, int]:
    count = int(rng.integers(1, 6))
    gap = rng.uniform(0.16, 0.45)
    for index in range(count):
        time = np.arange(int((0.12 if kind == "knocks" else 0.1) * SAMPLE_RATE)) / SAMPLE_RATE
        if kind == "knocks":
            body = np.sin(2 * np.pi * rng.uniform(80, 260) * time)
            hit = body * np.exp(-time / rng.uniform(0.015, 0.04))
            hit += 0.4 * rng.standard_normal(len(time)) * np.exp(-time / 0.004)
        else:
            hit = np.diff(rng.standard_normal(len(time) + 1))
            hit = hit * np.exp(-time / rng.uniform(0.008, 0.02))
        _place(
            out, hit * rng.uniform(0.8, 1.1), index * gap * SAMPLE_RATE * rng.uniform(0.97, 1.03)
        )
    return min(LENGTH, int(((count - 1) * gap * 1.03 + 0.12) * SAMPLE_RATE) + 100), count


def _siren(rng: np.random.Generator, size: int) -> Wave:
    time = np.arange(size) / SAMPLE_RATE
    low, high, period = rng.uniform(400, 700), rng.uniform(900, 1500), rng.uniform(0.4, 2.2)
    shape = int(rng.integers(3))
    if shape == 0:
        sweep = 0.5 + 0.5 * np.sin(2 * np.pi * time / period)
    else:
        saw = (time / period) % 1
        sweep = saw if shape == 1 else (saw > 0.5) * 1.0
    return _oscillate(low + (high - low) * sweep, size, int(rng.integers(4))) * _fade(size, 0.02)


def _chord(rng: np.random.Generator, size: int) -> Wave:
    base = rng.uniform(110, 400)
    steps = [(0, 4, 7), (0, 3, 7), (0, 4, 7, 11), (0, 5, 7)][int(rng.integers(4))]
    timbre = int(rng.integers(4))
    notes = [_oscillate(base * 2 ** (s / 12), size, timbre) for s in steps]
    return np.sum(notes, axis=0) * _fade(size, 0.02, rng.uniform(0.6, 3))


def _melody(rng: np.random.Generator, out: Wave, size: int) -> int:
    base, timbre, beat = rng.uniform(180, 600), int(rng.integers(4)), rng.uniform(0.14, 0.35)
    scale, position = [0, 2, 4, 5, 7, 9, 11, 12], 0
    while position < size:
        length = int(beat * SAMPLE_RATE * rng.choice([1, 1, 2]))
        pitch = base * 2 ** (scale[int(rng.integers(8))] / 12)
        decay = rng.uniform(0.1, 0.6)
        _place(out, _oscillate(pitch, length, timbre) * _fade(length, 0.01, decay), position)
        position += length
    return min(LENGTH, position)


def _ring(rng: np.random.Generator, size: int) -> Wave:
    time = np.arange(size) / SAMPLE_RATE
    if rng.integers(2) == 0:
        tone = np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 480 * time)
    else:
        low, high = rng.uniform(900, 1300), rng.uniform(1300, 1700)
        warble = np.where((time * rng.uniform(14, 24)) % 1 > 0.5, low, high)
        tone = _oscillate(warble, size, 0)
    return tone * (((time / rng.uniform(0.35, 0.8)) % 1) < 0.6)


def _clock(rng: np.random.Generator, out: Wave, size: int) -> None:
    gap, position, index = rng.uniform(0.28, 0.6), 0.0, 0
    time = np.arange(int(0.03 * SAMPLE_RATE)) / SAMPLE_RATE
    while position < size:
        tick = rng.standard_normal(len(time)) * np.exp(-time / 0.003)
        tick += 0.7 * np.sin(2 * np.pi * rng.uniform(1800, 4200) * time) * np.exp(-time / 0.005)
        _place(out, tick * (0.6 if index % 2 else 1.0), position)
        position += gap * SAMPLE_RATE
        index += 1


def _engine(rng: np.random.Generator, size: int) -> Wave:
    base = rng.uniform(25, 90)
    jitter = 1 + 0.02 * np.cumsum(rng.standard_normal(size)) / np.sqrt(size)
    time = np.cumsum(jitter) / SAMPLE_RATE
    hum = np.sum(
        [np.sin(2 * np.pi * base * h * time + rng.uniform(0, 6)) / h**0.7 for h in range(1, 12)],
        axis=0,
    )
    beat = 1 + 0.4 * np.sin(np.pi * base * np.arange(size) / SAMPLE_RATE)
    hiss = np.convolve(rng.standard_normal(size), np.ones(12) / 12, "same")
    return hum * beat + 0.5 * hiss


def _birds(rng: np.random.Generator, out: Wave, size: int) -> None:
    position = 0.0
    while position < size:
        length = int(rng.uniform(0.05, 0.2) * SAMPLE_RATE)
        time = np.arange(length) / length
        pitch = rng.uniform(2200, 5000) + rng.uniform(-1500, 1500) * time
        pitch += rng.uniform(0, 600) * np.sin(2 * np.pi * rng.uniform(2, 8) * time)
        chirp = np.sin(2 * np.pi * np.cumsum(np.clip(pitch, 1500, 7000)) / SAMPLE_RATE)
        _place(out, chirp * np.hanning(length), position)
        position += length + rng.uniform(0.01, 0.3) * SAMPLE_RATE


def make_sound(seed: int) -> tuple[NDArray[np.float16], str, int, int]:
    """One random sound: wave of unit RMS over its active part, kind, count, active samples."""
    rng = np.random.default_rng(seed)
    kind = KINDS[int(rng.integers(len(KINDS)))]
    out = np.zeros(LENGTH)
    size, count = int(rng.uniform(1.2, 3.1) * SAMPLE_RATE), 0
    if kind == "tone":
        pitch = np.exp(rng.uniform(np.log(150), np.log(3000)))
        out[:size] = _oscillate(pitch, size, int(rng.integers(4))) * _fade(size, 0.02)
    elif kind in ("beeps", "alarm"):
        size, count = _beeps(rng, out, size, kind)
    elif kind in ("knocks", "clap"):
        size, count = _hits(rng, out, kind)
    elif kind == "melody":
        size = _melody(rng, out, size)
    elif kind == "clock":
        _clock(rng, out, size)
    elif kind == "birds":
        _birds(rng, out, size)
    else:
        makers = {"siren": _siren, "chord": _chord, "ring": _ring, "engine": _engine}
        out[:size] = makers[kind](rng, size)
    loudness = np.sqrt(np.square(out[:size]).mean()) + 1e-6
    return np.clip(out / loudness, -60, 60).astype(np.float16), kind, count, min(LENGTH, size)


def make_bank(seed: int, count: int, processes: int = 1) -> Bank:
    seeds = [seed * 1_000_003 + index for index in range(count)]
    if processes > 1:
        with multiprocessing.Pool(processes) as pool:
            made = pool.map(make_sound, seeds, chunksize=16)
    else:
        made = [make_sound(s) for s in seeds]
    waves, kinds, counts, lengths = zip(*made, strict=True)
    return Bank(np.stack(waves), list(kinds), list(counts), list(lengths))


def bank_of_recordings(pcm: NDArray[np.int16], clips: list[dict]) -> Bank:
    """Real sounds cut into pieces of the bank's length."""
    waves, kinds = [], []
    for clip in clips:
        whole = pcm[clip["offset"] : clip["offset"] + clip["samples"]].astype(np.float32)
        for start in (0, 28_800):
            piece = whole[start : start + LENGTH]
            piece = np.pad(piece, (0, LENGTH - len(piece)))
            loudness = np.sqrt(np.square(piece).mean())
            if loudness < 30:  # of 32768: nearly silent
                continue
            waves.append(np.clip(piece / loudness, -60, 60).astype(np.float16))
            kinds.append(clip["sound"])
    return Bank(np.stack(waves), kinds, [0] * len(kinds), [LENGTH] * len(kinds))
