"""What the sound tells: the acoustic part of a thought, and questions whose answer it holds."""

from __future__ import annotations

import random
from dataclasses import dataclass

from aloud_nano.grammar.item import Item
from aloud_nano.grammar.numbers import words

QUESTIONS = {
    "tempo": [
        "am i speaking fast or slow", "am i talking fast", "do i speak slowly",
        "how fast am i speaking", "is my speech fast or slow", "am i talking too fast",
    ],
    "pitch": [
        "is my voice high or low", "do i have a deep voice", "how high is my voice",
        "is my voice deep", "what is the pitch of my voice",
        "am i speaking in a high or a low voice",
    ],
    "loudness": [
        "am i shouting or whispering", "am i speaking loudly", "how loud am i",
        "am i loud or quiet", "is my voice loud or quiet", "did i whisper",
    ],
    "background": [
        "what do you hear in the background", "what is that noise", "what sound is that",
        "what else do you hear", "do you hear something behind me",
        "what is that sound in the background",
    ],
    "noise": [
        "is it noisy here", "is there a lot of noise", "how noisy is it", "is the line clear",
        "is it quiet here",
    ],
    "room": [
        "does it echo here", "is there an echo", "does this room echo", "am i in a big room",
    ],
    "describe": [
        "how do i sound", "describe my voice", "what does my voice sound like",
        "tell me about my voice",
    ],
}  # fmt: skip

SOUNDS = {
    "tone": "a steady tone", "beeps": "beeps", "siren": "a siren", "knocks": "knocking",
    "chord": "a musical chord", "melody": "a melody", "ring": "a ringing phone", "rain": "rain",
    "clock": "a ticking clock", "engine": "an engine hum", "birds": "birds", "alarm": "an alarm",
    "clap": "clapping", "dog": "a dog barking", "sea": "sea waves", "baby": "a crying baby",
    "sneeze": "a sneeze", "helicopter": "a helicopter", "chainsaw": "a chainsaw",
    "rooster": "a rooster", "fire": "a crackling fire",
}  # fmt: skip
COUNTED = {"beeps": "beep", "knocks": "knock", "clap": "clap"}

NOT_UNDERSTOOD = "Sorry, I did not understand that."
NOTHING_HEARD = "I did not hear anything."
REFUSAL = "Sorry, I can't help with that."
NO_VOICE = "I can only tell that from your voice."


@dataclass(frozen=True)
class Acoustics:
    """True properties of one recording; measured or chosen, never guessed from the text."""

    pitch: str = "middle"  # low | middle | high
    tempo: str = "steady"  # slow | steady | fast
    loudness: str = "normal"  # quiet | normal | loud
    whispered: bool = False
    echo: bool = False
    noise: str = "clean"  # clean | some | heavy
    background: str = "none"  # none or a key of SOUNDS


def pitch_of(hertz: float) -> str:
    return "low" if hertz < 130 else "high" if hertz > 185 else "middle"


def tempo_of(characters_per_second: float) -> str:
    if characters_per_second < 11.5:
        return "slow"
    return "fast" if characters_per_second > 17 else "steady"


def is_clear(question: str, hertz: float, rate: float, length: int, whispered: bool) -> bool:
    """Whether a question about this voice has an answer that is not on a class border."""
    if question in ("tempo", "describe") and (length < 12 or 10.5 < rate < 12.5 or 16 < rate < 18):
        return False
    if question in ("pitch", "describe") and not whispered:
        return hertz > 0 and not (124 < hertz < 137 or 177 < hertz < 194)
    return True


def describe(sound: Acoustics) -> str:
    """The acoustic channel for speech."""
    pitch = "whispered" if sound.whispered else sound.pitch
    voice = f"The voice is {pitch}, {sound.tempo} and {sound.loudness}"
    voice += ", with echo." if sound.echo else "."
    line = {
        "clean": "The line is clean",
        "some": "There is some noise",
        "heavy": "There is heavy noise",
    }[sound.noise]
    other = "nothing else" if sound.background == "none" else f"and {SOUNDS[sound.background]}"
    return f"{voice} {line}, {other}."


def phrase(sound: str, count: int) -> str:
    """ "three beeps", or just what it is."""
    if sound in COUNTED and count:
        return f"{words(count)} {COUNTED[sound]}{'' if count == 1 else 's'}"
    return SOUNDS[sound]


def answer(question: str, sound: Acoustics) -> str:
    if question == "tempo":
        return {
            "slow": "You are speaking slowly.",
            "steady": "You are speaking at a normal pace.",
            "fast": "You are speaking fast.",
        }[sound.tempo]
    if question == "pitch":
        if sound.whispered:
            return "You are whispering, so I cannot tell."
        place = {"low": "low", "middle": "in the middle", "high": "high"}[sound.pitch]
        return f"Your voice is {place}."
    if question == "loudness":
        if sound.whispered:
            return "You are whispering."
        if sound.loudness == "normal":
            return "You are at a normal volume."
        return f"You are {sound.loudness}."
    if question == "background":
        if sound.background != "none":
            return f"I hear {SOUNDS[sound.background]}."
        return "I hear only noise." if sound.noise == "heavy" else "I hear nothing behind you."
    if question == "noise":
        return {
            "clean": "The line is clean.",
            "some": "There is some noise.",
            "heavy": "It is very noisy.",
        }[sound.noise]
    if question == "room":
        return "Yes, I hear an echo." if sound.echo else "No, I hear no echo."
    pitch = "whispered" if sound.whispered else sound.pitch
    return f"Your voice is {pitch}, {sound.tempo} and {sound.loudness}."


def ask(rng: random.Random) -> Item:
    question = rng.choice(list(QUESTIONS))
    return Item(rng.choice(QUESTIONS[question]), f"listen({question})", None, question=question)
