"""Procedural sounds: tones, beeps, sirens, knocks, music, engines, birds …

``make_bank`` makes sounds to be named or to be heard behind speech; ``sound_tasks`` makes those
that a question is asked about.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aloud_nano.config import SAMPLE_RATE

LENGTH = 51_200  # samples kept of one sound (3.2 s)
KINDS = (
    "tone beeps siren knocks chord melody ring clock engine birds alarm clap piano drum bell "
    "whistle typing footsteps vacuum music"
).split()
Facts = dict[str, str]
Wave = NDArray[np.float64]


@dataclass(frozen=True)
class BankIndex:
    """What loader processes need to know of the sound bank (its audio stays on the GPU).

    facts: what is true of a sound that questions are asked about, ``{}`` of the others; shorter
    than the rest where nobody gave any.
    """

    kinds: list[str]
    counts: list[int]
    lengths: list[int]
    facts: list[Facts] = field(default_factory=list)


@dataclass
class Bank:
    """Sounds of unit loudness [K, LENGTH] float16, with what each is."""

    waves: NDArray[np.float16]
    kinds: list[str]
    counts: list[int]  # of beeps, knocks, claps; 0 elsewhere
    lengths: list[int]
    facts: list[Facts] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.facts = self.facts or [{} for _ in self.kinds]

    def extended(self, other: Bank) -> Bank:
        return Bank(
            np.concatenate([self.waves, other.waves]),
            self.kinds + other.kinds,
            self.counts + other.counts,
            self.lengths + other.lengths,
            self.facts + other.facts,
        )

    def index(self) -> BankIndex:
        return BankIndex(self.kinds, self.counts, self.lengths, self.facts)


def fade(size: int, attack: float = 0.005, decay: float | None = None) -> Wave:
    time = np.arange(size) / SAMPLE_RATE
    shape = np.minimum(1, time / attack)
    if decay:
        shape = shape * np.exp(-time / decay)
    return shape * np.minimum(1, (size / SAMPLE_RATE - time) / 0.005)


def oscillate(frequency: float | Wave, size: int, timbre: int) -> Wave:
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


def place(target: Wave, piece: Wave, position: float) -> None:
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
    piece = oscillate(pitch, piece_size, timbre) * fade(piece_size)
    for index in range(number):
        place(out, piece, index * gap * SAMPLE_RATE)
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
        place(out, hit * rng.uniform(0.8, 1.1), index * gap * SAMPLE_RATE * rng.uniform(0.97, 1.03))
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
    return oscillate(low + (high - low) * sweep, size, int(rng.integers(4))) * fade(size, 0.02)


def _chord(rng: np.random.Generator, size: int) -> Wave:
    base = rng.uniform(110, 400)
    steps = [(0, 4, 7), (0, 3, 7), (0, 4, 7, 11), (0, 5, 7)][int(rng.integers(4))]
    timbre = int(rng.integers(4))
    notes = [oscillate(base * 2 ** (s / 12), size, timbre) for s in steps]
    return np.sum(notes, axis=0) * fade(size, 0.02, rng.uniform(0.6, 3))


def _melody(rng: np.random.Generator, out: Wave, size: int) -> int:
    base, timbre, beat = rng.uniform(180, 600), int(rng.integers(4)), rng.uniform(0.14, 0.35)
    scale, position = [0, 2, 4, 5, 7, 9, 11, 12], 0
    while position < size:
        length = int(beat * SAMPLE_RATE * rng.choice([1, 1, 2]))
        pitch = base * 2 ** (scale[int(rng.integers(8))] / 12)
        decay = rng.uniform(0.1, 0.6)
        place(out, oscillate(pitch, length, timbre) * fade(length, 0.01, decay), position)
        position += length
    return min(LENGTH, position)


def _ring(rng: np.random.Generator, size: int) -> Wave:
    time = np.arange(size) / SAMPLE_RATE
    if rng.integers(2) == 0:
        tone = np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 480 * time)
    else:
        low, high = rng.uniform(900, 1300), rng.uniform(1300, 1700)
        warble = np.where((time * rng.uniform(14, 24)) % 1 > 0.5, low, high)
        tone = oscillate(warble, size, 0)
    return tone * (((time / rng.uniform(0.35, 0.8)) % 1) < 0.6)


def _clock(rng: np.random.Generator, out: Wave, size: int) -> None:
    gap, position, index = rng.uniform(0.28, 0.6), 0.0, 0
    time = np.arange(int(0.03 * SAMPLE_RATE)) / SAMPLE_RATE
    while position < size:
        tick = rng.standard_normal(len(time)) * np.exp(-time / 0.003)
        tick += 0.7 * np.sin(2 * np.pi * rng.uniform(1800, 4200) * time) * np.exp(-time / 0.005)
        place(out, tick * (0.6 if index % 2 else 1.0), position)
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
        place(out, chirp * np.hanning(length), position)
        position += length + rng.uniform(0.01, 0.3) * SAMPLE_RATE


def strike(rng: np.random.Generator, pitch: float, seconds: float, kind: str) -> Wave:
    """One note of a struck or plucked thing: "piano" (nearly harmonic) or "bell" (not)."""
    size = int(seconds * SAMPLE_RATE)
    time = np.arange(size) / SAMPLE_RATE
    note = np.zeros(size)
    if kind == "piano":
        stiffness = rng.uniform(0.0001, 0.0008)
        partials = [(h * np.sqrt(1 + stiffness * h * h), h**-1.3, 1 / h**0.6) for h in range(1, 11)]
        ring = rng.uniform(0.4, 1.2)
    else:
        ratios = (0.5, 1.0, 1.19, 1.56, 2.0, 2.51, 2.66, 3.01, 4.1)
        partials = [(r * rng.uniform(0.98, 1.02), rng.uniform(0.2, 1), 1 / r) for r in ratios]
        ring = rng.uniform(0.5, 2.0)
    for ratio, weight, decay in partials:
        frequency = pitch * ratio
        if frequency < 7600:
            phase = rng.uniform(0, 6.28)
            beat = 2 * np.pi * (frequency + rng.uniform(0, 0.8)) * time
            note += weight * np.exp(-time / (ring * decay)) * np.sin(beat + phase)
    knock = rng.standard_normal(size) * np.exp(-time / 0.004)
    note = note + 0.1 * knock
    return note * np.minimum(1, time / 0.002) * np.minimum(1, (seconds - time) / 0.02)


def drum_hit(rng: np.random.Generator, kind: str) -> Wave:
    """ "kick", "snare" or "hat"."""
    time = np.arange(int(0.22 * SAMPLE_RATE)) / SAMPLE_RATE
    hiss = rng.standard_normal(len(time))
    if kind == "kick":
        sweep = rng.uniform(45, 65) + rng.uniform(60, 120) * np.exp(-time / 0.03)
        return np.sin(2 * np.pi * np.cumsum(sweep) / SAMPLE_RATE) * np.exp(-time / 0.09)
    if kind == "snare":
        body = np.sin(2 * np.pi * rng.uniform(160, 240) * time) * np.exp(-time / 0.05)
        return body + 0.8 * hiss * np.exp(-time / rng.uniform(0.04, 0.09))
    return 0.5 * np.diff(hiss, prepend=0) * np.exp(-time / rng.uniform(0.01, 0.04))


def _piano(rng: np.random.Generator, out: Wave, size: int) -> None:
    base, position = rng.uniform(130, 500), 0.0
    scale = (0, 2, 4, 5, 7, 9, 11, 12)
    beat = rng.uniform(0.2, 0.9)
    while position < size:
        for _ in range(int(rng.choice([1, 1, 1, 2]))):
            pitch = base * 2 ** (scale[int(rng.integers(8))] / 12)
            place(out, strike(rng, pitch, 1.4, "piano") * rng.uniform(0.6, 1), position)
        position += beat * SAMPLE_RATE * rng.choice([1, 1, 2])


def _bells(rng: np.random.Generator, out: Wave, size: int) -> None:
    pitch, position = np.exp(rng.uniform(np.log(300), np.log(1600))), 0.0
    gap = rng.uniform(0.4, 1.6)
    while position < size:
        place(out, strike(rng, pitch, 2.0, "bell"), position)
        position += gap * SAMPLE_RATE


def drums(rng: np.random.Generator, out: Wave, size: int, level: float = 1.0) -> None:
    """A pattern of eight steps, repeated."""
    step = rng.uniform(0.11, 0.24) * SAMPLE_RATE
    pattern = [rng.choice(["kick", "snare", "hat", "hat", "-"]) for _ in range(8)]
    pattern[0] = "kick"
    hits = {kind: drum_hit(rng, kind) for kind in ("kick", "snare", "hat")}
    for index in range(int(size / step)):
        kind = pattern[index % 8]
        if kind != "-":
            place(out, level * hits[kind] * rng.uniform(0.8, 1.1), index * step)


def _whistle(rng: np.random.Generator, out: Wave, size: int) -> None:
    position = 0.0
    while position < size:
        length = int(rng.uniform(0.15, 0.8) * SAMPLE_RATE)
        time = np.arange(length) / SAMPLE_RATE
        start, stop = np.exp(rng.uniform(np.log(800), np.log(2600), 2))
        pitch = start + (stop - start) * np.clip(time / time[-1] * rng.uniform(1, 3), 0, 1)
        pitch = pitch * (1 + rng.uniform(0, 0.02) * np.sin(2 * np.pi * rng.uniform(4, 7) * time))
        note = np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE)
        breath = rng.standard_normal(length) * rng.uniform(0.03, 0.12)
        place(out, (note + breath) * fade(length, 0.03), position)
        position += length + rng.uniform(0.02, 0.25) * SAMPLE_RATE


def _typing(rng: np.random.Generator, out: Wave, size: int) -> None:
    position = 0.0
    time = np.arange(int(0.05 * SAMPLE_RATE)) / SAMPLE_RATE
    low, speed = rng.uniform(250, 700), rng.uniform(0.09, 0.2)
    while position < size:
        for delay, level in ((0.0, 1.0), (rng.uniform(0.05, 0.09), 0.4)):  # down and up
            click = rng.standard_normal(len(time)) * np.exp(-time / rng.uniform(0.002, 0.005))
            thud = np.sin(2 * np.pi * low * rng.uniform(0.8, 1.2) * time) * np.exp(-time / 0.012)
            key = level * rng.uniform(0.5, 1) * (click + 0.7 * thud)
            place(out, key, position + delay * SAMPLE_RATE)
        position += speed * rng.lognormal(0, 0.4) * SAMPLE_RATE


def _footsteps(rng: np.random.Generator, out: Wave, size: int) -> None:
    gap, position = rng.uniform(0.33, 0.65), 0.0
    time = np.arange(int(0.16 * SAMPLE_RATE)) / SAMPLE_RATE
    grit, low = rng.uniform(0.1, 0.9), rng.uniform(60, 140)
    while position < size:
        heel = np.sin(2 * np.pi * low * rng.uniform(0.9, 1.1) * time) * np.exp(-time / 0.025)
        scrape = np.convolve(rng.standard_normal(len(time)), np.ones(3) / 3, "same")
        scrape = scrape * np.exp(-(((time - 0.06) / 0.035) ** 2))
        step = heel + 0.3 * rng.standard_normal(len(time)) * np.exp(-time / 0.006) + grit * scrape
        place(out, step * rng.uniform(0.7, 1), position)
        position += gap * rng.uniform(0.94, 1.06) * SAMPLE_RATE


def _vacuum(rng: np.random.Generator, size: int) -> Wave:
    """A motor's whine with its overtones in a broad rush of air."""
    time = np.arange(size) / SAMPLE_RATE
    start = rng.uniform(0.9, 1) if rng.random() < 0.7 else rng.uniform(0.3, 0.6)
    speed = 1 - (1 - start) * np.exp(-time / rng.uniform(0.1, 0.5))
    cycles = np.cumsum(rng.uniform(220, 620) * speed) / SAMPLE_RATE
    whine = np.sum([np.sin(2 * np.pi * h * cycles) / h for h in (1, 2, 3, 4, 6)], axis=0)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    centre, width = rng.uniform(700, 2200), rng.uniform(0.7, 1.4)
    shape = np.exp(-((np.log2(np.maximum(frequency, 20) / centre) / width) ** 2)) + 0.12
    air = np.fft.irfft(spectrum * shape, size)
    return (air / air.std() + rng.uniform(0.15, 0.7) * whine) * fade(size, 0.05)


def _music(rng: np.random.Generator, out: Wave, size: int) -> None:
    """A little band: drums, bass, chords, a tune."""
    drums(rng, out, size, rng.uniform(0.3, 0.9))
    key = rng.uniform(90, 180)
    beat = rng.uniform(0.35, 0.7)
    progression = [(0, 4, 7), (-3, 0, 4), (5, 9, 12), (7, 11, 14)]
    timbre, lead = int(rng.integers(4)), int(rng.integers(4))
    rng.shuffle(progression)
    length = int(beat * 2 * SAMPLE_RATE)
    for index in range(int(size / length) + 1):
        chord = progression[index % 4]
        for step in chord:
            tone = oscillate(key * 2 * 2 ** (step / 12), length, timbre) * fade(length, 0.03, 0.9)
            place(out, 0.22 * tone, index * length)
        bass = oscillate(key * 2 ** (chord[0] / 12), length, 2) * fade(length, 0.01, 0.4)
        place(out, 0.6 * bass, index * length)
    position, scale = 0.0, (0, 2, 4, 7, 9, 12)
    while position < size:
        note = int(beat * SAMPLE_RATE * rng.choice([0.5, 0.5, 1]))
        pitch = key * 4 * 2 ** (scale[int(rng.integers(6))] / 12)
        place(out, 0.4 * oscillate(pitch, note, lead) * fade(note, 0.01, 0.3), position)
        position += note


# Kinds that fill ``out`` up to ``size`` …
_FILLERS: dict[str, Callable[[np.random.Generator, Wave, int], None]] = {
    "clock": _clock, "birds": _birds, "piano": _piano, "drum": drums, "bell": _bells,
    "whistle": _whistle, "typing": _typing, "footsteps": _footsteps, "music": _music,
}  # fmt: skip
# … and kinds that return ``size`` samples.
_MAKERS: dict[str, Callable[[np.random.Generator, int], Wave]] = {
    "siren": _siren, "chord": _chord, "ring": _ring, "engine": _engine, "vacuum": _vacuum,
}  # fmt: skip


def draw_wave(rng: np.random.Generator, kind: str, size: int) -> tuple[Wave, int, int]:
    """A sound of one kind in LENGTH samples → wave, count of its hits, active samples."""
    out, count = np.zeros(LENGTH), 0
    if kind == "tone":
        pitch = np.exp(rng.uniform(np.log(150), np.log(3000)))
        out[:size] = oscillate(pitch, size, int(rng.integers(4))) * fade(size, 0.02)
    elif kind in ("beeps", "alarm"):
        size, count = _beeps(rng, out, size, kind)
    elif kind in ("knocks", "clap"):
        size, count = _hits(rng, out, kind)
    elif kind == "melody":
        size = _melody(rng, out, size)
    elif kind in _FILLERS:
        _FILLERS[kind](rng, out, size)
        out[size:] = 0
        out[size - 800 : size] *= np.linspace(1, 0, 800)
    else:
        out[:size] = _MAKERS[kind](rng, size)
    return out, count, size


def unit(wave: Wave, size: int) -> NDArray[np.float16]:
    """Unit RMS over the active part."""
    loudness = np.sqrt(np.square(wave[:size]).mean()) + 1e-6
    return np.clip(wave / loudness, -60, 60).astype(np.float16)


def make_sound(seed: int) -> tuple[NDArray[np.float16], str, int, int, Facts]:
    """One random sound: wave of unit RMS over its active part, kind, count, active samples."""
    rng = np.random.default_rng(seed)
    kind = KINDS[int(rng.integers(len(KINDS)))]
    wave, count, size = draw_wave(rng, kind, int(rng.uniform(1.2, 3.1) * SAMPLE_RATE))
    return unit(wave, size), kind, count, min(LENGTH, size), {}


Made = tuple[NDArray[np.float16], str, int, int, Facts]


def gather(make: Callable[[int], Made], seeds: list[int], processes: int) -> Bank:
    if processes > 1:
        with multiprocessing.Pool(processes) as pool:
            made = pool.map(make, seeds, chunksize=16)
    else:
        made = [make(s) for s in seeds]
    waves, kinds, counts, lengths, facts = zip(*made, strict=True)
    return Bank(np.stack(waves), list(kinds), list(counts), list(lengths), list(facts))


def make_bank(seed: int, count: int, processes: int = 1) -> Bank:
    return gather(make_sound, [seed * 1_000_003 + index for index in range(count)], processes)


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
