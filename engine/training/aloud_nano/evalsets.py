"""Evaluation clips: held-out texts, held-out voices, real recordings, sounds, silence.

Everything here comes from the test split; the training code has no access to it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from aloud_nano.audio import Signal, median_pitch, resample
from aloud_nano.codec import OpusCodec
from aloud_nano.config import SAMPLE_RATE
from aloud_nano.grammar import INTENTS, Item, Sampler
from aloud_nano.grammar.sound import (
    NOT_UNDERSTOOD,
    NOTHING_HEARD,
    QUESTIONS,
    Acoustics,
    answer,
    is_clear,
    pitch_of,
    tempo_of,
)
from aloud_nano.sounds import Bank, bank_of_recordings, make_bank
from aloud_nano.voices import ACCENTS, FESTIVAL, HELD_OUT, Family, Synthesiser, festival, normalise

SPEECH_LEVEL = -26.0  # dBFS


@dataclass(frozen=True)
class Clip:
    """``samples`` empty means a typed turn of ``text``. ``group`` joins pairs."""

    set: str
    samples: Signal
    text: str
    answer: str
    call: str = ""
    intent: str = ""
    voice: str = ""
    group: str = ""
    facts: dict[str, str] = field(default_factory=dict)


def placed(
    signal: Signal, rng: np.random.Generator, snr: float | None = None, level: float = SPEECH_LEVEL
) -> Signal:
    """Speech at a level, with edges and a noise floor (or noise at an SNR)."""
    loudness = np.sqrt(np.square(signal).mean()) + 1e-9
    signal = signal * (10 ** (level / 20) / loudness)
    before, after = (int(rng.uniform(*r) * SAMPLE_RATE) for r in ((0.2, 0.4), (0.3, 0.6)))
    padded = np.pad(signal, (before, after))
    noise_level = 10 ** ((level - snr if snr is not None else -76) / 20)
    colour = rng.choice([0, 0.5, 1.0])
    spectrum = np.fft.rfft(rng.standard_normal(len(padded)))
    frequency = np.maximum(np.fft.rfftfreq(len(padded), 1 / SAMPLE_RATE), 60) / 1000
    noise = np.fft.irfft(spectrum * frequency ** (-colour / 2), len(padded))
    mixed = padded + noise / noise.std() * noise_level
    return np.clip(mixed, -1, 1).astype(np.float32)


def through_gateway(signal: Signal, codec: OpusCodec, rng: np.random.Generator) -> Signal:
    """What the engine gets: Opus at 24 kbit/s, cut by VAD with 300 ms before and 500 ms after."""
    loudness = np.sqrt(np.square(signal).mean()) + 1e-9
    signal = signal * (10 ** (SPEECH_LEVEL / 20) / loudness)
    live = np.pad(signal, (SAMPLE_RATE, SAMPLE_RATE))
    live = live + rng.standard_normal(len(live)) * 10 ** (-66 / 20)
    heard = codec.round_trip(live.astype(np.float32), 24_000)
    late = int(rng.normal(0.03, 0.02) * SAMPLE_RATE)  # the detector is a little early or late
    start = SAMPLE_RATE + late - int(0.3 * SAMPLE_RATE)
    stop = SAMPLE_RATE + len(signal) + int(0.5 * SAMPLE_RATE)
    return heard[start:stop]


def balanced(seed: str, per_intent: int, sampler: Sampler, extra: tuple[str, ...]) -> list[Item]:
    rng = random.Random(seed)
    names = [name for name in INTENTS if name != "acoustic"] + list(extra)
    return [sampler.draw(rng, name) for name in names for _ in range(per_intent)]


def spoken_clip(name: str, item: Item, signal: Signal, voice: str) -> Clip:
    return Clip(name, signal, item.text, item.answer or "", item.call, item.intent, voice)


def synthetic(per_intent: int, sampler: Sampler) -> Iterator[Clip]:
    """Seen engines with unseen texts, clean and noisy; held-out espeak variants."""
    families: tuple[tuple[str, Family], ...] = (
        ("seen voices", "train"),
        ("held-out espeak", "held-out-espeak"),
    )
    codec, numbers = OpusCodec(9), np.random.default_rng(3)
    for name, family in families:
        synthesiser, rng = Synthesiser(family), random.Random(name)
        for item in balanced(name, per_intent, sampler, ("repeat", "open")):
            spoken = synthesiser.say(item.text, rng)
            clip = spoken_clip(name, item, placed(spoken.signal, numbers), spoken.voice)
            yield clip
            if family == "train":
                for snr in (10, 0):
                    noisy = placed(spoken.signal, numbers, snr)
                    yield replace(clip, set=f"{name}, {snr} dB", samples=noisy)
            else:
                heard = through_gateway(spoken.signal, codec, numbers)
                yield replace(clip, set=f"{name}, gateway", samples=heard)


def unseen_engine(per_intent: int, sampler: Sampler) -> Iterator[Clip]:
    """Festival, which training never uses: plain, and as it arrives through the gateway."""
    codec, numbers = OpusCodec(9), np.random.default_rng(4)
    items = balanced("festival", per_intent, sampler, ("repeat", "open"))
    random.Random(4).shuffle(items)
    for number, voice in enumerate(FESTIVAL):
        chosen = items[number :: len(FESTIVAL)]
        rng = random.Random(voice)
        stretches = [rng.choice([1.3, 1.0, 1.0, 0.85]) for _ in chosen]
        signals = festival([item.text for item in chosen], voice, stretches)
        for item, signal in zip(chosen, signals, strict=True):
            clip = spoken_clip("festival", item, placed(signal, numbers), voice)
            yield clip
            heard = through_gateway(signal, codec, numbers)
            yield replace(clip, set="festival, gateway", samples=heard)


def acoustic_pairs(count: int) -> Iterator[Clip]:
    """The same words of one held-out voice, said differently: only the sound tells."""
    rng, numbers = random.Random(8), np.random.default_rng(8)
    espeak = Synthesiser("held-out-espeak").espeak

    def make(question: str, text: str, signal: Signal, group: str, level: float) -> Clip | None:
        rate = len(text) / (len(signal) / SAMPLE_RATE)
        pitch = median_pitch(signal)
        if not is_clear(question, pitch, rate, len(text), False):
            return None
        loudness = "quiet" if level < -36 else "loud" if level > -18 else "normal"
        sound = Acoustics(pitch_of(pitch), tempo_of(rate), loudness)
        samples = placed(signal, numbers, level=level)
        reply = answer(question, sound)
        return Clip(f"pairs: {question}", samples, text, reply, f"listen({question})",
                    "acoustic", group=group)  # fmt: skip

    def say(text: str, voice: str, rate: int, size: float) -> Signal:
        signal = espeak.say(text, voice, rate, 50, 50, 0)
        return normalise(resample(signal, SAMPLE_RATE / espeak.rate / size))

    for number in range(count):
        voice = f"{rng.choice(ACCENTS)}+{rng.choice(HELD_OUT)}"
        made: list[Clip | None] = []
        text = rng.choice(QUESTIONS["tempo"])
        for rate in (95, 250):
            made.append(
                make("tempo", text, say(text, voice, rate, 1.0), f"t{number}", SPEECH_LEVEL)
            )
        text = rng.choice(QUESTIONS["loudness"])
        for level in (-42.0, -26.0, -13.0):
            made.append(make("loudness", text, say(text, voice, 160, 1.0), f"l{number}", level))
        text = rng.choice(QUESTIONS["pitch"])
        for size in (0.8, 1.0, 1.25):
            made.append(
                make("pitch", text, say(text, voice, 160, size), f"p{number}", SPEECH_LEVEL)
            )
        yield from (clip for clip in made if clip is not None)


def real(recordings: Path) -> Iterator[Clip]:
    """Held-out recordings of people and of sounds."""
    numbers = np.random.default_rng(5)
    pcm = np.fromfile(recordings / "recordings.i16", np.int16)
    clips = json.loads((recordings / "recordings.json").read_text())
    for clip in clips:
        if (
            clip["split"] != "test"
            or clip["set"] == "sounds"
            or clip["samples"] > 8.6 * SAMPLE_RATE
        ):
            continue
        signal = pcm[clip["offset"] : clip["offset"] + clip["samples"]].astype(np.float32) / 32768
        facts = {"pitch": pitch_of(clip["pitch"]) if clip["pitch"] else ""}
        yield Clip(f"real: {clip['set']}", placed(signal, numbers), clip["text"], clip["answer"],
                   clip["call"], clip["intent"], facts=facts)  # fmt: skip
    held_out = [c for c in clips if c["set"] == "sounds" and c["split"] == "test"]
    yield from sounds("real: sounds", bank_of_recordings(pcm, held_out), numbers)


def sounds(name: str, bank: Bank, numbers: np.random.Generator) -> Iterator[Clip]:
    from aloud_nano.grammar.sound import phrase

    for wave, kind, count, length in zip(
        bank.waves, bank.kinds, bank.counts, bank.lengths, strict=True
    ):
        samples = placed(wave[:length].astype(np.float32), numbers, level=-24)
        call = f"sound({kind}{f', {count}' if count else ''})"
        yield Clip(name, samples, "", f"I hear {phrase(kind, count)}.", call, "sound")


def nothing(count: int, sampler: Sampler) -> Iterator[Clip]:
    """Silence, noise alone, and speech buried in noise."""
    numbers, rng = np.random.default_rng(6), random.Random(6)
    synthesiser = Synthesiser("held-out-espeak")
    for _ in range(count):
        size = int(numbers.uniform(0.5, 4) * SAMPLE_RATE)
        noise = numbers.standard_normal(size).astype(np.float32)
        quiet = noise * 10 ** (numbers.uniform(-80, -52) / 20)
        yield Clip("silence", quiet, "", NOTHING_HEARD, intent="silence")
        yield Clip(
            "digital silence", np.zeros(size, np.float32), "", NOTHING_HEARD, intent="silence"
        )
        loud = np.clip(noise * 10 ** (numbers.uniform(-40, -14) / 20), -1, 1)
        yield Clip("noise", loud, "", "I hear only noise.", intent="noise")
        spoken = synthesiser.say(sampler.draw(rng).text, rng)
        buried = placed(spoken.signal, numbers, snr=numbers.uniform(-16, -11))
        yield Clip("unclear", buried, "", NOT_UNDERSTOOD, intent="unclear")


def typed(per_intent: int, sampler: Sampler) -> Iterator[Clip]:
    for item in balanced("typed", per_intent, sampler, ()):
        yield Clip("typed", np.zeros(0, np.float32), item.text, item.answer or "", item.call,
                   item.intent)  # fmt: skip


def all_sets(text: Path, recordings: Path | None, per_intent: int) -> dict[str, list[Clip]]:
    """Every set by name."""
    stored = json.loads(text.read_text())
    sampler = Sampler("test", stored["sentences"], stored["words"])
    makers: list[Callable[[], Iterator[Clip]]] = [
        lambda: synthetic(per_intent, sampler),
        lambda: unseen_engine(per_intent, sampler),
        lambda: acoustic_pairs(per_intent * 2),
        lambda: nothing(per_intent * 4, sampler),
        lambda: typed(per_intent, sampler),
        lambda: sounds("sounds", make_bank(2, per_intent * 8), np.random.default_rng(7)),
    ]
    if recordings is not None:
        makers.append(lambda: real(recordings))
    sets: dict[str, list[Clip]] = {}
    for make in makers:
        for clip in make():
            sets.setdefault(clip.set, []).append(clip)
    return sets
