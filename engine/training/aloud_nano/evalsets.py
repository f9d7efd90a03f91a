"""Write the evaluation clips that ``npm run eval`` runs through the engine.

Usage: python -m aloud_nano.evalsets OUTPUT_DIRECTORY --text text.json [--recordings DIR]
           [--neural SHARDS] [--strangers tests/fixtures/voices] [--per-intent 3]
           [--hours 2] [--set NAME …]

OUTPUT_DIRECTORY gets clips.i16 (16 kHz PCM, back to back) and index.json, one row a turn (``Clip``
without its audio, with ``id``, ``offset``, ``samples``). The same arguments give the same bytes.
Everything is of the test split: texts by ``Sampler("test")``, recordings by their ``split``,
voices of families that training does not use, sounds of other seeds.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from aloud_nano.audio import Signal, median_pitch, read_opus, resample
from aloud_nano.codec import OpusCodec
from aloud_nano.config import SAMPLE_RATE
from aloud_nano.grammar import INTENTS, Item, Sampler
from aloud_nano.grammar.sound import (
    NOT_UNDERSTOOD,
    NOTHING_HEARD,
    QUESTIONS,
    SOUND_QUESTIONS,
    Acoustics,
    Facts,
    answer,
    answer_sound,
    is_clear,
    listen,
    phrase,
    pitch_of,
    tempo_of,
)
from aloud_nano.grammar.tools import TOOLS
from aloud_nano.grammar.typed import typed_form
from aloud_nano.sound_tasks import make_tasks
from aloud_nano.sounds import Bank, bank_of_recordings, make_bank
from aloud_nano.voices import ACCENTS, FESTIVAL, HELD_OUT, Family, Synthesiser, festival, normalise

SPEECH_LEVEL = -26.0  # dBFS
LONGEST = 8.4  # seconds of speech, as in training
SOUND_SEED = 1002  # training's banks have other seeds
LICENCES = {
    "read-sentences": "CC0-1.0, github.com/rhasspy/dataset-voice-kathleen",
    "coffee-orders": "Apache-2.0, github.com/Picovoice/speech-to-intent-benchmark",
    "wake-words": "Apache-2.0, github.com/Picovoice/wake-word-benchmark",
    "single-words": "CC-BY-4.0, Speech Commands by Pete Warden, Google",
    "sounds": "CC-BY-3.0, ESC-10 by K. J. Piczak",
}
_SILENT = np.zeros(0, np.float32)


@dataclass(frozen=True)
class Clip:
    """One turn. ``samples`` empty: a typed turn of ``text``.

    answer: None where nothing but the facts is judged. noise: "clean", "10 dB" … group joins the
    members of a pair. conversation: turns of one id are said in one conversation, in this order.
    tools: what the app declares; the turn must then be the call ``call``, and after it comes
    ``result``, which must be answered by ``answer``. finished: the speaker has said all.
    """

    set: str
    samples: Signal
    text: str
    answer: str | None
    call: str = ""
    intent: str = ""
    voice: str = ""
    family: str = ""
    noise: str = ""
    steps: tuple[str, ...] = ()
    question: str | None = None
    group: str = ""
    facts: Facts = field(default_factory=dict)
    conversation: str = ""
    turn: int = 0
    tools: tuple[str, ...] = ()
    result: str | None = None
    finished: bool = True
    licence: str = ""


def coloured(size: int, rng: np.random.Generator, slope: float) -> Signal:
    """Noise of unit RMS whose power falls with frequency to the power of ``slope``."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    frequency = np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_RATE), 60) / 1000
    noise = np.fft.irfft(spectrum * frequency ** (-slope / 2), size)
    return (noise / (noise.std() + 1e-12)).astype(np.float32)


def at_level(signal: Signal, level: float) -> Signal:
    return signal * np.float32(10 ** (level / 20) / (np.sqrt(np.square(signal).mean()) + 1e-9))


def placed(
    signal: Signal, rng: np.random.Generator, snr: float | None = None, level: float = SPEECH_LEVEL
) -> Signal:
    """Speech at a level in dBFS, with edges and a noise floor (or noise at an SNR)."""
    before, after = (int(rng.uniform(*r) * SAMPLE_RATE) for r in ((0.2, 0.4), (0.3, 0.6)))
    padded = np.pad(at_level(signal, level), (before, after))
    return with_noise(padded, rng, level - snr if snr is not None else -76.0)


def with_noise(signal: Signal, rng: np.random.Generator, level: float) -> Signal:
    noise = coloured(len(signal), rng, rng.choice([0, 0.5, 1.0])) * 10 ** (level / 20)
    return np.clip(signal + noise, -1, 1).astype(np.float32)


def in_room(signal: Signal, rng: np.random.Generator) -> Signal:
    """Direct sound, and a tail that falls by 60 dB in 0.7 to 1.2 s and is as strong."""
    seconds = rng.uniform(0.7, 1.2)
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    tail[: int(0.012 * SAMPLE_RATE)] = 0
    tail *= 10 ** (rng.uniform(1, 5) / 20) / np.sqrt(np.square(tail).sum())
    tail[0] = 1.0
    size = len(signal) + len(tail)
    spectrum = np.fft.rfft(signal, size) * np.fft.rfft(tail, size)
    return np.fft.irfft(spectrum, size)[: len(signal)].astype(np.float32)


def through_gateway(signal: Signal, codec: OpusCodec, rng: np.random.Generator) -> Signal:
    """What the engine gets: Opus at 24 kbit/s, cut by VAD with 300 ms before and 500 ms after."""
    live = np.pad(at_level(signal, SPEECH_LEVEL), (SAMPLE_RATE, SAMPLE_RATE))
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


def clip_of(name: str, item: Item, signal: Signal, **more: Any) -> Clip:
    return Clip(
        name, signal, item.text, item.answer, item.call, item.intent, steps=item.steps,
        finished=item.finished, **more,
    )  # fmt: skip


def synthetic(per_intent: int, sampler: Sampler) -> Iterator[Clip]:
    """Unseen texts in voices of training, and in held-out espeak-ng variants, ever noisier."""
    families: tuple[tuple[str, Family], ...] = (
        ("seen voices", "train"),
        ("held-out espeak", "held-out-espeak"),
    )
    codec, numbers = OpusCodec(9), np.random.default_rng(3)
    for name, family in families:
        synthesiser, rng = Synthesiser(family), random.Random(name)
        for item in balanced(name, per_intent, sampler, ("repeat", "open")):
            spoken = synthesiser.say(item.text, rng)
            kind = {"voice": spoken.voice, "family": name}
            yield clip_of(name, item, placed(spoken.signal, numbers), noise="clean", **kind)
            if family == "train":
                continue
            for snr in (10, 0):
                noisy = placed(spoken.signal, numbers, snr)
                yield clip_of(f"{name}, {snr} dB", item, noisy, noise=f"{snr} dB", **kind)
            heard = through_gateway(spoken.signal, codec, numbers)
            yield clip_of(f"{name}, Opus", item, heard, noise="Opus", **kind)


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
            kind = {"voice": voice, "family": "festival"}
            yield clip_of("festival", item, placed(signal, numbers), noise="clean", **kind)
            heard = through_gateway(signal, codec, numbers)
            yield clip_of("festival, Opus", item, heard, noise="Opus", **kind)


def neural(shards: Path) -> Iterator[Clip]:
    """What ``neural speak --split test`` spoke: speakers and texts that training never has."""
    numbers = np.random.default_rng(10)
    for path in sorted(shards.glob("shard_*.json")):
        pcm = np.fromfile(path.with_suffix(".i16"), np.int16)
        for entry in json.loads(path.read_text()):
            if entry.get("split") != "test":
                raise ValueError(f"{path} is not of the test split: neural speak --split test")
            if entry["answer"] is None or entry["follows"] or entry["in_dialogue"]:
                continue
            piece = pcm[entry["offset"] : entry["offset"] + entry["samples"]]
            samples = placed(piece.astype(np.float32) / 32768, numbers)
            yield Clip(
                "neural voice", samples, entry["text"], entry["answer"], entry["call"],
                entry["intent"], entry["voice"], "neural", "clean", tuple(entry["steps"]),
            )  # fmt: skip


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
        sound = Acoustics(
            pitch_of(pitch), tempo_of(rate), loudness, hertz=pitch, letters=rate
        )  # fmt: skip
        return Clip(
            f"pairs: {question}", placed(signal, numbers, level=level), text,
            answer(question, sound), listen(question), "acoustic", family="held-out espeak",
            noise="clean", question=question, group=group, facts=sound.facts(),
        )  # fmt: skip

    def say(text: str, voice: str, rate: int, size: float) -> Signal:
        signal = espeak.say(text, voice, rate, 50, 50, 0)
        return normalise(resample(signal, SAMPLE_RATE / espeak.rate / size))

    for number in range(count):
        voice = f"{rng.choice(ACCENTS)}+{rng.choice(HELD_OUT)}"
        made: list[Clip | None] = []
        text = rng.choice(QUESTIONS["tempo"])
        for rate in (95, 250):
            signal = say(text, voice, rate, 1.0)
            made.append(make("tempo", text, signal, f"t{number}", SPEECH_LEVEL))
        text = rng.choice(QUESTIONS["loudness"])
        for level in (-42.0, -26.0, -13.0):
            made.append(make("loudness", text, say(text, voice, 160, 1.0), f"l{number}", level))
        text = rng.choice(QUESTIONS["pitch"])
        for size in (0.8, 1.0, 1.25):
            signal = say(text, voice, 160, size)
            made.append(make("pitch", text, signal, f"p{number}", SPEECH_LEVEL))
        yield from (clip for clip in made if clip is not None)


def voice_questions(per_question: int) -> Iterator[Clip]:
    """Questions about the voice and what is behind it, in held-out voices."""
    rng, numbers = random.Random(11), np.random.default_rng(11)
    synthesiser, bank = Synthesiser("held-out-espeak"), make_bank(SOUND_SEED + 1, 60)
    for question in QUESTIONS:
        made = 0
        while made < per_question:
            clip = _voice_question(question, rng, numbers, synthesiser, bank)
            if clip is not None:
                made += 1
                yield clip


def _voice_question(
    question: str, rng: random.Random, numbers: np.random.Generator, synthesiser: Synthesiser,
    bank: Bank,
) -> Clip | None:  # fmt: skip
    text = rng.choice(QUESTIONS[question])
    if question == "pace":
        wanted = rng.choice(["up", "down", "same"])
        spoken = synthesiser.say_changing(text, rng, wanted)
    else:
        spoken = synthesiser.say(text, rng)
    rate = len(text) / (len(spoken.signal) / SAMPLE_RATE)
    hertz = median_pitch(spoken.signal)
    if spoken.pace == "unclear" or not is_clear(question, hertz, rate, len(text), False):
        return None
    loudness = rng.choice(["quiet", "normal", "normal", "loud"])
    noise = rng.choice(["clean", "some", "heavy"]) if question == "noise" else "clean"
    ramp = rng.choice(["up", "down", "same"]) if question == "ramp" else "same"
    echo = question == "room" and rng.random() < 0.5
    behind = question == "background" and rng.random() < 0.7
    if ramp != "same" or question == "ramp":
        loudness = "normal"
    level = {"quiet": -42.0, "normal": -26.0, "loud": -13.0}[loudness]
    signal = at_level(spoken.signal, level)
    if ramp != "same":
        size = rng.uniform(12, 18) * (1 if ramp == "up" else -1)
        slope = np.linspace(-size / 2, size / 2, len(signal))
        signal = at_level((signal * 10 ** (slope / 20)).astype(np.float32), level)
    padded = np.pad(signal, (int(0.3 * SAMPLE_RATE), int(0.5 * SAMPLE_RATE)))
    if echo:
        padded = in_room(padded, numbers)
    background = "none"
    if behind:
        index = rng.randrange(len(bank.kinds))
        background = bank.kinds[index]
        wave = bank.waves[index][: bank.lengths[index]].astype(np.float32)
        sound = np.zeros(len(padded), np.float32)
        start = rng.randrange(max(1, len(padded) - int(0.8 * len(wave))))
        piece = wave[: len(padded) - start]
        sound[start : start + len(piece)] = piece * 10 ** ((level - rng.uniform(0, 6)) / 20)
        padded = padded + sound
    snr = {"clean": rng.uniform(34, 55), "some": rng.uniform(11, 19), "heavy": rng.uniform(0, 6)}
    samples = with_noise(padded, numbers, level - snr[noise])
    sound_of = Acoustics(
        pitch_of(hertz), tempo_of(rate), loudness, echo=echo, noise=noise, background=background,
        ramp=ramp, pace=spoken.pace, hertz=hertz, letters=rate,
    )  # fmt: skip
    return Clip(
        "questions about the voice", samples, text, answer(question, sound_of), listen(question),
        "acoustic", spoken.voice, "held-out espeak", noise, question=question,
        facts=sound_of.facts(),
    )  # fmt: skip


def sound_questions(per_question: int) -> Iterator[Clip]:
    """Questions about a sound that is heard before or after them: procedural, of other seeds."""
    rng, numbers = random.Random(12), np.random.default_rng(12)
    synthesiser = Synthesiser("held-out-espeak")
    tasks = make_tasks(SOUND_SEED, 60 * per_question)
    plain = make_bank(SOUND_SEED + 2, 10 * per_question)
    for name, (maker, _) in SOUND_QUESTIONS.items():
        made = 0
        while made < per_question:
            text, question = maker(rng)
            bank = plain if name == "sound" else tasks
            index = _fitting(question, bank, rng)
            if index is None:
                continue
            spoken = synthesiser.say(text, rng)
            facts = dict(bank.facts[index]) or {"sound": bank.kinds[index]}
            if bank.kinds[index] in ("beeps", "knocks", "clap") and bank.counts[index]:
                one = {"beeps": "beep", "knocks": "knock", "clap": "clap"}[bank.kinds[index]]
                facts = {"events": " ".join([one] * bank.counts[index])}
            wave = bank.waves[index][: bank.lengths[index]].astype(np.float32)
            level = SPEECH_LEVEL - rng.uniform(-3, 3)
            sound = wave * np.float32(10 ** (level / 20))
            gap = np.zeros(int(rng.uniform(0.2, 0.6) * SAMPLE_RATE), np.float32)
            speech = at_level(spoken.signal, SPEECH_LEVEL)
            parts = [speech, gap, sound] if rng.random() < 0.75 else [sound, gap, speech]
            joined = np.pad(np.concatenate(parts), (int(0.3 * SAMPLE_RATE), int(0.5 * SAMPLE_RATE)))
            if len(joined) > 9.4 * SAMPLE_RATE:
                continue
            made += 1
            rate, hertz = len(text) / (len(speech) / SAMPLE_RATE), median_pitch(spoken.signal)
            voice = Acoustics(pitch_of(hertz), tempo_of(rate), hertz=hertz, letters=rate).facts()
            yield Clip(
                "questions about a sound", with_noise(joined, numbers, -76), text,
                answer_sound(question, facts), listen(question), "acoustic", spoken.voice,
                "held-out espeak", "clean", question=question, facts=voice | facts,
            )  # fmt: skip


_TASK_OF = {
    "higher": "tones", "lower": "tones", "louder": "levels", "quieter": "levels",
    "longer": "lengths", "shorter": "lengths", "highest": "three", "lowest": "three",
    "count": "events", "together": "events", "more": "events", "difference": "events",
    "first": "events", "place": "events",
}  # fmt: skip


def _fitting(question: str, bank: Bank, rng: random.Random) -> int | None:
    """A sound that the question can be asked about; mostly one that has all it names."""
    name, *named = question.split(":")
    if name == "sound":
        return rng.randrange(len(bank.kinds))
    task = _TASK_OF.get(name, name)
    options = [i for i, kind in enumerate(bank.kinds) if kind == task]
    if name == "order":
        options = [i for i in options if set(bank.facts[i]["order"].split()) == set(named)]
    elif named and task == "events" and name != "place":
        required = set(named) if name == "first" or rng.random() > 0.15 else set(named[:1])
        options = [i for i in options if required <= set(bank.facts[i]["events"].split())]
    return rng.choice(options) if options else None


def sounds(
    name: str, bank: Bank, numbers: np.random.Generator, licence: str = ""
) -> Iterator[Clip]:
    for wave, kind, count, length in zip(
        bank.waves, bank.kinds, bank.counts, bank.lengths, strict=True
    ):
        samples = placed(wave[:length].astype(np.float32), numbers, level=-24)
        yield Clip(
            name, samples, "", f"I hear {phrase(kind, count)}.", "", kind, family="sounds",
            facts={"sound": kind}, licence=licence,
        )  # fmt: skip


def real(recordings: Path) -> Iterator[Clip]:
    """Recordings of people and of sounds: only the test split, whose speakers training lacks."""
    numbers = np.random.default_rng(5)
    pcm = np.fromfile(recordings / "recordings.i16", np.int16)
    index = json.loads((recordings / "recordings.json").read_text())
    clips = [clip for clip in index if clip["split"] == "test"]
    for clip in clips:
        if clip["set"] == "sounds" or clip["samples"] > LONGEST * SAMPLE_RATE:
            continue
        signal = pcm[clip["offset"] : clip["offset"] + clip["samples"]].astype(np.float32) / 32768
        facts = {"pitch": pitch_of(clip["pitch"])} if clip["pitch"] else {}
        yield Clip(
            f"real: {clip['set']}", placed(signal, numbers), clip["text"], clip["answer"],
            clip["call"], clip["intent"], clip["speaker"], "people", "real", facts=facts,
            licence=LICENCES[clip["set"]],
        )  # fmt: skip
    held_out = [clip for clip in clips if clip["set"] == "sounds"]
    bank = bank_of_recordings(pcm, held_out)
    yield from sounds("real: sounds", bank, numbers, LICENCES["sounds"])


def strangers(directory: Path) -> Iterator[Clip]:
    """Public clips of people of whom training has nothing."""
    numbers = np.random.default_rng(13)
    for row in json.loads((directory / "index.json").read_text()):
        if not row["file"].startswith("stranger"):
            continue
        signal = read_opus(directory / row["file"])
        yield Clip(
            "real: strangers", placed(signal, numbers), row["text"], row["answer"], row["call"],
            row["intent"], row["file"], "people", "real", licence=row["licence"],
        )  # fmt: skip


def unfinished(count: int, sampler: Sampler) -> Iterator[Clip]:
    """Requests cut mid-way, with the same silence behind them as finished ones."""
    rng, numbers = random.Random(14), np.random.default_rng(14)
    synthesiser = Synthesiser("held-out-espeak")
    for _ in range(count):
        item = sampler.draw(rng, "unfinished")
        spoken = synthesiser.say(item.text, rng)
        samples = placed(spoken.signal, numbers)
        yield clip_of("unfinished", item, samples, voice=spoken.voice, family="held-out espeak")


def unclear(count: int, sampler: Sampler) -> Iterator[Clip]:
    """Speech buried in noise, and sounds of nothing."""
    numbers, rng = np.random.default_rng(6), random.Random(6)
    synthesiser = Synthesiser("held-out-espeak")
    for _ in range(count):
        spoken = synthesiser.say(sampler.draw(rng, "lights").text, rng)
        buried = placed(spoken.signal, numbers, snr=numbers.uniform(-16, -11))
        yield Clip("unclear", buried, "", NOT_UNDERSTOOD, intent="unclear")
        size = int(numbers.uniform(0.5, 4) * SAMPLE_RATE)
        yield Clip("silence", np.zeros(size, np.float32), "", NOTHING_HEARD, intent="silence")
        quiet = coloured(size, numbers, 0) * 10 ** (numbers.uniform(-80, -60) / 20)
        yield Clip("silence", quiet.astype(np.float32), "", NOTHING_HEARD, intent="silence")


def nobody(hours: float, sampler: Sampler, recordings: Path | None) -> Iterator[Clip]:
    """Hours in which nobody speaks to nano: none of it may become a command.

    A third each noise of every colour, music and other sounds, and babble (three or more people of
    held-out voices at once). Segments of 2 to 9.5 s, as voice detection would pass them on.
    """
    numbers, rng = np.random.default_rng(15), random.Random(15)
    kinds: tuple[tuple[str, Callable[[int], Signal]], ...] = (
        ("noise", lambda size: _swelling(size, numbers)),
        ("sounds", _soundscape(numbers, rng, recordings)),
        ("babble", _babble(numbers, rng, sampler)),
    )
    for name, draw in kinds:
        left = hours / len(kinds) * 3600
        while left > 0:
            seconds = float(numbers.uniform(2, 9.5))
            left -= seconds
            samples = at_level(draw(int(seconds * SAMPLE_RATE)), numbers.uniform(-44, -14))
            yield Clip(f"nobody: {name}", np.clip(samples, -1, 1), "", None, intent="nobody")


def _swelling(size: int, rng: np.random.Generator) -> Signal:
    noise = coloured(size, rng, float(rng.choice([-1, 0, 0.5, 1, 1.5, 2])))
    points = rng.uniform(-rng.uniform(0, 8), 0, 6)
    swing = np.interp(np.linspace(0, 5, size), np.arange(6), points)
    return (noise * 10 ** (swing / 20)).astype(np.float32)


def _soundscape(
    numbers: np.random.Generator, rng: random.Random, recordings: Path | None
) -> Callable[[int], Signal]:
    """Procedural sounds and music, and held-out recordings, one after another."""
    bank = make_bank(SOUND_SEED + 3, 200)
    if recordings is not None:
        pcm = np.fromfile(recordings / "recordings.i16", np.int16)
        index = json.loads((recordings / "recordings.json").read_text())
        held_out = [c for c in index if c["set"] == "sounds" and c["split"] == "test"]
        bank = bank.extended(bank_of_recordings(pcm, held_out))
    music = [i for i, kind in enumerate(bank.kinds) if kind in ("music", "melody", "piano")]

    def draw(size: int) -> Signal:
        pieces: list[Signal] = []
        while sum(map(len, pieces)) < size:
            index = rng.choice(music) if rng.random() < 0.4 else rng.randrange(len(bank.kinds))
            wave = bank.waves[index][: bank.lengths[index]].astype(np.float32)
            pieces.append(wave * np.float32(numbers.uniform(0.3, 1)))
        floor = coloured(size, numbers, 1) * 10 ** (numbers.uniform(-40, -15) / 20)
        return (np.concatenate(pieces)[:size] + floor).astype(np.float32)

    return draw


def _babble(
    numbers: np.random.Generator, rng: random.Random, sampler: Sampler
) -> Callable[[int], Signal]:
    synthesiser = Synthesiser("held-out-espeak")
    voices = [
        at_level(synthesiser.say(sampler.draw(rng, "open").text, rng).signal, -20)
        for _ in range(300)
    ]

    def draw(size: int) -> Signal:
        mixed = np.zeros(size, np.float32)
        for _ in range(rng.randint(3, 7)):
            track: list[Signal] = []
            while sum(map(len, track)) < size + SAMPLE_RATE:
                track.append(rng.choice(voices))
            start = rng.randrange(SAMPLE_RATE)
            gain = np.float32(10 ** (numbers.uniform(-6, 0) / 20))
            mixed += np.concatenate(track)[start : start + size] * gain
        return in_room(mixed, numbers) if rng.random() < 0.5 else mixed

    return draw


def typed(per_intent: int, sampler: Sampler) -> Iterator[Clip]:
    rng = random.Random("typed form")
    for item in balanced("typed", per_intent, sampler, ()):
        clip = clip_of("typed", item, _SILENT)
        yield replace(clip, text=typed_form(item.text, rng))


def dialogues(count: int, sampler: Sampler) -> Iterator[Clip]:
    """Two to four turns, each needing those before it; every third dialogue is typed."""
    rng, numbers = random.Random(16), np.random.default_rng(16)
    synthesiser, made = Synthesiser("held-out-espeak"), 0
    while made < count:
        items = [item for item in sampler.dialogue(rng) if item.result is None]
        if len(items) < 2 or any(item.answer is None for item in items):
            continue
        written = made % 3 == 2
        speaker = synthesiser.speaker(rng)
        for turn, item in enumerate(items):
            more = {"conversation": f"dialogue {made}", "turn": turn}
            if written:
                clip = clip_of("dialogues, typed", item, _SILENT, **more)
                yield replace(clip, text=typed_form(item.text, rng))
            else:
                spoken = synthesiser.say(item.text, rng, speaker)
                yield clip_of(
                    "dialogues, spoken", item, placed(spoken.signal, numbers),
                    voice=spoken.voice, family="held-out espeak", noise="clean", **more,
                )  # fmt: skip
        made += 1


def tool_turns(count: int, sampler: Sampler) -> Iterator[Clip]:
    """Spoken requests to an app that has the tool, and then its result; every fourth to an app
    that has only other tools."""
    rng, numbers = random.Random(17), np.random.default_rng(17)
    synthesiser, made = Synthesiser("held-out-espeak"), 0
    names = [name for name, tool in TOOLS.items() if tool.kind != "own"]
    while made < count:
        item = sampler.draw(rng)
        name = item.call.split("(")[0]
        if item.answer is None or name not in names:
            continue
        others = [other for other in rng.sample(names, rng.choice([1, 3, 8])) if other != name]
        has = made % 4 != 3
        if not has and not others:
            continue
        spoken = synthesiser.say(item.text, rng)
        more: dict[str, Any] = {"voice": spoken.voice, "family": "held-out espeak"}
        clip = clip_of(
            "tools: declared" if has else "tools: others declared", item,
            placed(spoken.signal, numbers), noise="clean", conversation=f"tools {made}", **more,
        )  # fmt: skip
        made += 1
        if has:
            declared = [*others, name]
            rng.shuffle(declared)
            result = sampler.tool_result(rng, item)
            yield replace(
                clip, tools=tuple(declared), result=result.result or "", answer=result.answer
            )
        else:
            yield replace(clip, tools=tuple(others))


def sets_of(
    text: Path, recordings: Path | None, shards: Path | None, fixtures: Path | None,
    per_intent: int, hours: float,
) -> dict[str, Callable[[], Iterator[Clip]]]:  # fmt: skip
    """What makes the clips, by name of a group of sets."""
    stored = json.loads(text.read_text())
    sampler = Sampler("test", stored["sentences"], stored["words"])
    makers: dict[str, Callable[[], Iterator[Clip]]] = {
        "synthetic": lambda: synthetic(per_intent, sampler),
        "festival": lambda: unseen_engine(per_intent, sampler),
        "pairs": lambda: acoustic_pairs(per_intent * 6),
        "voice questions": lambda: voice_questions(per_intent * 6),
        "sound questions": lambda: sound_questions(per_intent * 5),
        "sounds": lambda: sounds(
            "sounds", make_bank(SOUND_SEED, per_intent * 25), np.random.default_rng(7)
        ),
        "typed": lambda: typed(per_intent, sampler),
        "dialogues": lambda: dialogues(per_intent * 25, sampler),
        "tools": lambda: tool_turns(per_intent * 30, sampler),
        "unfinished": lambda: unfinished(per_intent * 40, sampler),
        "unclear": lambda: unclear(per_intent * 12, sampler),
        "nobody": lambda: nobody(hours, sampler, recordings),
    }
    if shards is not None:
        makers["neural"] = lambda: neural(shards)
    if recordings is not None:
        makers["real"] = lambda: real(recordings)
    if fixtures is not None:
        makers["strangers"] = lambda: strangers(fixtures)
    return makers


def write(output: Path, clips: Iterator[Clip]) -> list[dict[str, Any]]:
    """Audio and index; the id of a clip is its set and its number in it."""
    output.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    numbers: dict[str, int] = {}
    offset = 0
    with (output / "clips.i16").open("wb") as file:
        for clip in clips:
            number = numbers[clip.set] = numbers.get(clip.set, -1) + 1
            samples = (np.clip(clip.samples, -1, 1) * 32767).astype(np.int16)
            file.write(samples.tobytes())
            values = {
                f.name: getattr(clip, f.name)
                for f in dataclasses.fields(clip)
                if f.name != "samples"
            }
            where = {"id": f"{clip.set} #{number}", "offset": offset, "samples": len(samples)}
            rows.append(where | values)
            offset += len(samples)
    (output / "index.json").write_text(json.dumps(rows, indent=0))
    return rows


def chain(makers: Sequence[Callable[[], Iterator[Clip]]]) -> Iterator[Clip]:
    for make in makers:
        yield from make()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--neural", type=Path)
    parser.add_argument("--strangers", type=Path)
    parser.add_argument("--per-intent", type=int, default=3)
    parser.add_argument("--hours", type=float, default=2)
    parser.add_argument("--set", action="append", help="only these groups of sets")
    args = parser.parse_args()
    makers = sets_of(
        args.text, args.recordings, args.neural, args.strangers, args.per_intent, args.hours
    )
    chosen = [make for name, make in makers.items() if not args.set or name in args.set]
    rows = write(args.output, chain(chosen))
    seconds = sum(row["samples"] for row in rows) / SAMPLE_RATE
    print(f"{len(rows)} turns, {seconds / 3600:.2f} h of audio")


if __name__ == "__main__":
    main()
