"""Speech synthesis engines. espeak-ng and flite train nano; festival is never trained on.

A ``Speaker`` is one person: engine, voice, pitch, size and habitual pace. The turns of a dialogue
are said by one speaker.
"""

from __future__ import annotations

import ctypes
import os
import random
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from aloud_nano.audio import Signal, read_wave, resample, trim, whispered
from aloud_nano.config import SAMPLE_RATE
from aloud_nano.grammar.sound import pace_of

Family = Literal["train", "held-out-espeak"]

ACCENTS = [
    "en-us", "en-us", "en-us", "en-us", "gmw/en", "gmw/en", "en-gb-scotland", "en-gb-x-rp",
    "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc",
]  # fmt: skip
VARIANTS = (
    ". . m1 m2 m3 m4 m6 m8 f1 f2 f4 f5 Alex Alicia Andrea anika antonio aunty benjamin boris caleb "
    "david Denis Diogo ed edward edward2 Gene Gene2 grandma grandpa gustave Henrique Hugo iven "
    "iven2 iven3 iven4 Jacky kaukovalta klatt klatt2 klatt4 klatt5 klatt6 marcelo Marco Mario max "
    "michel miguel Mike Mr norbert pablo paul pedro quincy rob robert sandro shelby steph2 steph3 "
    "travis victor zac adam RicishayMax RicishayMax2 Storm Tweaky"
).split()  # "." is the plain voice
WHISPERS = ["whisper", "whisperf"]
HELD_OUT = ("m5 m7 f3 Andy Annie linda steph klatt3 Lee Michael john belinda").split()
FLITE = ["kal", "kal16", "kal16", "awb", "awb", "rms", "rms", "slt", "slt", "slt"]
FESTIVAL = ["voice_kal_diphone", "voice_ked_diphone", "voice_cmu_us_slt_arctic_hts"]


WHISPER_SHARE = 0.04  # of any engine's speech, by taking the voice out of it
# Words a minute (espeak) and duration factors (flite) of a habitual pace.
_SPEEDS = {"slow": (85, 125), "middle": (130, 185), "fast": (195, 270)}
_STRETCHES = {"slow": (1.25, 1.6), "middle": (0.9, 1.2), "fast": (0.62, 0.82)}


@dataclass(frozen=True)
class Spoken:
    signal: Signal  # 16 kHz, peak 0.5, trimmed
    engine: str
    voice: str
    whispered: bool = False
    pace: str = "same"  # measured change of rate: up | down | same | unclear


@dataclass(frozen=True)
class Speaker:
    engine: str
    voice: str
    speed: float  # words a minute (espeak-ng), duration factor (flite)
    pitch: float  # 0…100 (espeak-ng), Hz (flite's diphone voices)
    spread: int
    gap: int
    size: float  # of the vocal tract, with the pitch that goes with it
    whispers: bool  # the engine's own whispering voice
    unvoiced: bool  # the voice is taken out afterwards
    seed: int


class Espeak:
    """espeak-ng's library, in process: about 2 ms for two seconds of speech."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ.get("ALOUD_LIBESPEAK", "libespeak-ng.so.1"))
        data = os.environ.get("ALOUD_ESPEAK_DATA", "").encode() or None
        self.rate = self._library.espeak_Initialize(2, 500, data, 0)
        if self.rate <= 0:
            raise RuntimeError(f"espeak-ng did not start: {self.rate}")
        self._pieces: list[np.ndarray] = []
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
        )

        def collect(samples: object, count: int, _events: object) -> int:
            if count > 0 and samples:
                self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
            return 0

        self._callback = kind(collect)  # kept alive with the engine
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: str, rate: int, pitch: int, spread: int, gap: int) -> Signal:
        """rate in words a minute, pitch and spread 0…100, gap in 10 ms; at self.rate Hz."""
        library = self._library
        self._pieces.clear()
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise RuntimeError(f"espeak-ng has no voice {voice}")
        for parameter, value in ((1, rate), (3, pitch), (4, spread), (7, gap), (2, 90)):
            library.espeak_SetParameter(parameter, value, 0)
        data = text.encode() + b"\0"
        library.espeak_Synth(data, len(data), 0, 1, 0, 1, None, None)
        library.espeak_Synchronize()
        return np.concatenate(self._pieces).astype(np.float32) / 32768


def flite(text: str, voice: str, stretch: float, pitch: float) -> tuple[Signal, int]:
    binary = os.environ.get("ALOUD_FLITE", "flite")
    command = [binary, "-voice", voice, "--setf", f"duration_stretch={stretch:.3f}"]
    if voice.startswith("kal"):
        command += ["--setf", f"int_f0_target_mean={pitch:.0f}"]
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run([*command, "-t", text, "-o", file.name], check=True, capture_output=True)
        return read_wave(Path(file.name))


class Synthesiser:
    """Random voices of one family, varied in rate, pitch and size of the speaker."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.espeak = Espeak()

    def speaker(self, rng: random.Random) -> Speaker:
        pace = rng.choices(["slow", "middle", "fast"], [0.28, 0.44, 0.28])[0]
        training, whispers = self.family == "train", False
        if training and rng.random() < 0.25:
            engine, voice = "flite", rng.choice(FLITE)
            speed, pitch = rng.uniform(*_STRETCHES[pace]), rng.uniform(80, 190)
        else:
            engine = "espeak"
            variant = rng.choice(VARIANTS if training else HELD_OUT)
            if training and rng.random() < 0.03:
                variant, whispers = rng.choice(WHISPERS), True
            voice = rng.choice(ACCENTS) + ("" if variant == "." else f"+{variant}")
            speed, pitch = rng.uniform(*_SPEEDS[pace]), rng.uniform(15, 85)
        size = 1.0
        if rng.random() < 0.65:
            size = rng.uniform(0.84, 1.2) if engine == "espeak" else rng.uniform(0.8, 1.28)
        unvoiced = training and not whispers and rng.random() < WHISPER_SHARE
        return Speaker(
            engine, voice, speed, pitch, rng.randint(25, 80), rng.choice([0, 0, 0, 1, 2, 4]),
            size, whispers, unvoiced, rng.getrandbits(32),
        )  # fmt: skip

    def say(self, text: str, rng: random.Random, speaker: Speaker | None = None) -> Spoken:
        speaker = speaker or self.speaker(rng)
        return self._finished(speaker, self._raw(speaker, text, 1.0), "same")

    def say_changing(
        self, text: str, rng: random.Random, change: str, speaker: Speaker | None = None
    ) -> Spoken:
        """Two parts, the second at another rate, which is measured: where the waveform does not
        bear out the change that was meant, its pace is "unclear".

        change: up | down | same. Also where nothing changes there are two parts, so that the
        joint tells nothing.
        """
        speaker = speaker or self.speaker(rng)
        parts = _halves(text)
        factor = rng.uniform(1.6, 2.2) ** 0.5
        factors = {"up": (1 / factor, factor), "down": (factor, 1 / factor), "same": (1, 1)}[change]
        signals = [
            trim(self._raw(speaker, part, quicker), keep=240)
            for part, quicker in zip(parts, factors, strict=True)
        ]
        rates = [len(part) / len(signal) for part, signal in zip(parts, signals, strict=True)]
        pause = np.zeros(int(rng.uniform(0, 0.08) * SAMPLE_RATE), np.float32)
        joined = np.concatenate([signals[0], pause, signals[1]])
        measured = pace_of(*rates)
        return self._finished(speaker, joined, measured if measured == change else "unclear")

    def _raw(self, speaker: Speaker, text: str, quicker: float) -> Signal:
        """At the sample rate that makes the speaker of the right size."""
        if speaker.engine == "flite":
            signal, rate = flite(text, speaker.voice, speaker.speed / quicker, speaker.pitch)
        else:
            rate = self.espeak.rate
            speed = max(80, min(380, round(speaker.speed * quicker)))
            signal = self.espeak.say(
                text, speaker.voice, speed, round(speaker.pitch), speaker.spread, speaker.gap
            )
        if rate != SAMPLE_RATE or speaker.size != 1.0:
            signal = resample(signal, SAMPLE_RATE / rate / speaker.size)
        return signal

    def _finished(self, speaker: Speaker, signal: Signal, pace: str) -> Spoken:
        signal = normalise(signal)
        if speaker.unvoiced:
            signal = normalise(whispered(signal, np.random.default_rng(speaker.seed)))
        whispers = speaker.whispers or speaker.unvoiced
        return Spoken(signal, speaker.engine, speaker.voice, whispers, pace)


def _halves(text: str) -> tuple[str, str]:
    """Cut at the space nearest to the middle."""
    spaces = [i for i, letter in enumerate(text) if letter == " "]
    if not spaces:
        raise ValueError("one word has no two parts")
    middle = min(spaces, key=lambda i: abs(i - len(text) / 2))
    return text[:middle], text[middle + 1 :]


def normalise(signal: Signal) -> Signal:
    signal = trim(signal)
    return signal * (0.5 / (np.abs(signal).max() + 1e-9))


def festival(texts: list[str], voice: str, stretches: list[float]) -> list[Signal]:
    """One festival process for many sentences (it takes a second to start)."""
    with tempfile.TemporaryDirectory() as scratch:
        lines = [f"({voice})"]
        for index, (text, stretch) in enumerate(zip(texts, stretches, strict=True)):
            lines.append(f"(Parameter.set 'Duration_Stretch {stretch})")
            target = f"{scratch}/{index}.wav"
            lines.append(f'(utt.save.wave (utt.synth (Utterance Text "{text}")) "{target}")')
        script = Path(scratch) / "all.scm"
        script.write_text("\n".join(lines))
        subprocess.run(["festival", "-b", str(script)], check=True, capture_output=True)
        signals = []
        for index in range(len(texts)):
            signal, rate = read_wave(Path(scratch) / f"{index}.wav")
            signals.append(normalise(resample(signal, SAMPLE_RATE / rate)))
        return signals
