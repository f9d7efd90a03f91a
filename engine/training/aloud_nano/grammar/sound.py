"""What the sound tells: questions whose answer it holds, the answers, and the voice in words.

Two families of questions. *Voice* questions (``QUESTIONS``) ask about the recording of the speech
itself. *Sound* questions (``SOUND_QUESTIONS``) ask about a sound that is heard before or after
them; what is true of that sound is its ``facts``. The evidence that leads to an answer is written
by ``aloud_nano.evidence`` and read back by ``aloud_nano.claims``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from aloud_nano.grammar.item import Item
from aloud_nano.grammar.numbers import words

Facts = dict[str, str]

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
        "am i loud or quiet", "is my voice loud or quiet", "did i whisper", "am i whispering",
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
    "ramp": [
        "am i getting louder or quieter", "did i get louder or quieter",
        "is my voice getting louder or quieter", "do i get louder or quieter as i speak",
        "tell me whether i am getting louder or quieter",
    ],
    "pace": [
        "did i speed up or slow down", "am i speeding up or slowing down",
        "did i get faster or slower while i said this", "do i get faster or slower as i speak",
        "tell me whether i speed up or slow down", "am i talking faster or slower now",
    ],
}  # fmt: skip

SOUNDS = {
    "tone": "a steady tone", "beeps": "beeps", "siren": "a siren", "knocks": "knocking",
    "chord": "a musical chord", "melody": "a melody", "ring": "a ringing phone", "rain": "rain",
    "clock": "a ticking clock", "engine": "an engine hum", "birds": "birds", "alarm": "an alarm",
    "clap": "clapping", "dog": "a dog barking", "sea": "sea waves", "baby": "a crying baby",
    "sneeze": "a sneeze", "helicopter": "a helicopter", "chainsaw": "a chainsaw",
    "rooster": "a rooster", "fire": "a crackling fire", "piano": "a piano", "drum": "drums",
    "bell": "a bell", "whistle": "whistling", "typing": "typing", "footsteps": "footsteps",
    "vacuum": "a vacuum cleaner", "music": "music", "babble": "people talking",
}  # fmt: skip
COUNTED = {"beeps": "beep", "knocks": "knock", "clap": "clap"}
EVENTS = ("beep", "knock", "clap", "bell", "click")  # sounds that can be counted in a sequence
ORDERED = {  # sounds that can follow one another, as a question names them
    "siren": "siren", "birds": "birds", "drum": "drums", "bell": "bell", "engine": "engine",
    "piano": "piano", "whistle": "whistle", "clock": "clock", "ring": "phone", "melody": "melody",
}  # fmt: skip
ORDINALS = ("first", "second", "third")
OPPOSITE = {"low": "high", "soft": "loud", "short": "long"}
# what a question about two tones asks → (the fact it needs, the value it looks for)
COMPARED = {
    "higher": ("tones", "high"), "lower": ("tones", "low"),
    "louder": ("levels", "loud"), "quieter": ("levels", "soft"),
    "longer": ("lengths", "long"), "shorter": ("lengths", "short"),
    "highest": ("tones", "high"), "lowest": ("tones", "low"),
}  # fmt: skip

NOT_UNDERSTOOD = "Sorry, I did not understand that."
NOTHING_HEARD = "I did not hear anything."
REFUSAL = "Sorry, I can't help with that."
NO_VOICE = "I can only tell that from your voice."
NO_LISTENING = "I can only tell that from a sound."


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
    ramp: str = "same"  # of the level over the speech: up | down | same
    pace: str = "same"  # of the rate over the speech: up | down | same
    hertz: float = 0.0  # measured median pitch, 0 where there is none
    letters: float = 0.0  # measured characters a second

    def facts(self) -> Facts:
        return {
            "pitch": "none" if self.whispered else self.pitch, "tempo": self.tempo,
            "loudness": self.loudness, "whispered": _yes(self.whispered), "echo": _yes(self.echo),
            "noise": self.noise, "background": self.background, "ramp": self.ramp,
            "pace": self.pace, "hertz": f"{self.hertz:.0f}", "letters": f"{self.letters:.1f}",
        }  # fmt: skip


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def pitch_of(hertz: float) -> str:
    return "low" if hertz < 130 else "high" if hertz > 185 else "middle"


def tempo_of(characters_per_second: float) -> str:
    if characters_per_second < 11.5:
        return "slow"
    return "fast" if characters_per_second > 17 else "steady"


def pace_of(first: float, second: float) -> str:
    """Rates of the two parts of an utterance → up | down | same | unclear."""
    ratio = second / first
    if ratio > 1.35:
        return "up"
    if ratio < 0.74:
        return "down"
    return "same" if 0.87 < ratio < 1.15 else "unclear"


def is_clear(question: str, hertz: float, rate: float, length: int, whispered: bool) -> bool:
    """Whether a question about this voice has an answer that is not on a class border."""
    if question in ("tempo", "describe") and (length < 12 or 10.5 < rate < 12.5 or 16 < rate < 18):
        return False
    if question in ("pitch", "describe") and not whispered:
        return hertz > 0 and not (124 < hertz < 137 or 177 < hertz < 194)
    return True


def describe_voice(sound: Acoustics) -> str:
    pitch = "whispered" if sound.whispered else sound.pitch
    voice = f"The voice is {pitch}, {sound.tempo} and {sound.loudness}"
    voice += ", with echo." if sound.echo else "."
    if sound.ramp != "same":
        voice += f" The voice is getting {'louder' if sound.ramp == 'up' else 'quieter'}."
    if sound.pace in ("up", "down"):
        voice += f" The voice is {'speeding up' if sound.pace == 'up' else 'slowing down'}."
    return voice


def describe_line(sound: Acoustics) -> str:
    return {
        "clean": "The line is clean",
        "some": "There is some noise",
        "heavy": "There is heavy noise",
    }[sound.noise]


def describe(sound: Acoustics) -> str:
    """The acoustic channel for speech."""
    other = "nothing else" if sound.background == "none" else f"and {SOUNDS[sound.background]}"
    return f"{describe_voice(sound)} {describe_line(sound)}, {other}."


def plural(event: str, count: int) -> str:
    """ "three beeps", "one beep", "no beeps"."""
    number = words(count) if count else "no"
    return f"{number} {event}{'' if count == 1 else 's'}"


def phrase(sound: str, count: int) -> str:
    """ "three beeps", or just what it is."""
    if sound in COUNTED and count:
        return plural(COUNTED[sound], count)
    return SOUNDS[sound]


def answer(question: str, sound: Acoustics) -> str:
    """To a voice question."""
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
    if question == "ramp":
        return {
            "up": "You are getting louder.",
            "down": "You are getting quieter.",
            "same": "You stay at one volume.",
        }[sound.ramp]
    if question == "pace":
        return {
            "up": "You are speeding up.",
            "down": "You are slowing down.",
            "same": "You keep one pace.",
        }[sound.pace]
    pitch = "whispered" if sound.whispered else sound.pitch
    return f"Your voice is {pitch}, {sound.tempo} and {sound.loudness}."


# --- questions about a sound -----------------------------------------------------------------

_LEADS = ("", "", "", "tell me ", "listen ", "please tell me ")


def _two(rng: random.Random, names: tuple[str, ...]) -> tuple[str, str]:
    first, second = rng.sample(names, 2)
    return first, second


def _count(rng: random.Random) -> tuple[str, str]:
    event = rng.choice(EVENTS)
    text = rng.choice(
        ["how many {}s do you hear", "how many {}s are there", "how many {}s were there",
         "count the {}s"]
    )  # fmt: skip
    return text.format(event), f"count:{event}"


def _together(rng: random.Random) -> tuple[str, str]:
    first, second = _two(rng, EVENTS)
    text = rng.choice(
        ["how many {}s and {}s together", "how many {}s and {}s are there together",
         "count the {}s and {}s together"]
    )  # fmt: skip
    return text.format(first, second), f"together:{first}:{second}"


def _more(rng: random.Random) -> tuple[str, str]:
    first, second = _two(rng, EVENTS)
    text = rng.choice(
        ["are there more {}s than {}s", "were there more {}s than {}s",
         "do you hear more {}s than {}s"]
    )  # fmt: skip
    return text.format(first, second), f"more:{first}:{second}"


def _difference(rng: random.Random) -> tuple[str, str]:
    first, second = _two(rng, EVENTS)
    return f"how many more {first}s than {second}s are there", f"difference:{first}:{second}"


def _first(rng: random.Random) -> tuple[str, str]:
    first, second = _two(rng, EVENTS)
    text = rng.choice(["which came first the {} or the {}", "what came first the {} or the {}"])
    return text.format(first, second), f"first:{first}:{second}"


def _last(rng: random.Random) -> tuple[str, str]:
    which = rng.choice(["first", "last"])
    text = rng.choice(["what was the {} sound", "which sound came {}", "what is the {} sound"])
    return text.format(which), f"place:{which}"


def _order(rng: random.Random) -> tuple[str, str]:
    first, second = _two(rng, tuple(ORDERED))
    text = rng.choice(["which came first the {} or the {}", "what came first the {} or the {}"])
    return text.format(ORDERED[first], ORDERED[second]), f"order:{first}:{second}"


def _compared(rng: random.Random) -> tuple[str, str]:
    what = rng.choice(["higher", "higher", "lower", "louder", "quieter", "longer", "shorter"])
    text = rng.choice(
        ["which of the two sounds is {}", "which of the two tones was {}", "which tone is {}",
         "which sound was {} the first or the second",
         "is the first or the second tone {}"]
    )  # fmt: skip
    return text.format(what), what


def _extreme(rng: random.Random) -> tuple[str, str]:
    what = rng.choice(["highest", "lowest"])
    text = rng.choice(["which of the three tones is the {}", "which of the three tones was {}"])
    return text.format(what), what


def _fixed(name: str, *texts: str) -> Callable[[random.Random], tuple[str, str]]:
    return lambda rng: (rng.choice(texts), name)


SOUND_QUESTIONS: dict[str, tuple[Callable[[random.Random], tuple[str, str]], float]] = {
    "count": (_count, 10),
    "together": (_together, 6),
    "more": (_more, 5),
    "difference": (_difference, 3),
    "first": (_first, 5),
    "place": (_last, 3),
    "order": (_order, 6),
    "compared": (_compared, 9),
    "extreme": (_extreme, 5),
    "chord": (
        _fixed("chord", "is this chord major or minor", "is that a major or a minor chord",
               "is it major or minor"), 6,
    ),
    "rhythm": (
        _fixed("rhythm", "is the rhythm steady", "is the beat steady", "is this rhythm regular",
               "is the rhythm even or uneven"), 6,
    ),
    "direction": (
        _fixed("direction", "is the tone rising or falling", "does the tone rise or fall",
               "is the sound going up or down"), 6,
    ),
    "sound": (
        _fixed("sound", "what sound is this", "what do you hear", "what is this sound",
               "which sound is this", "what was that sound"), 10,
    ),
}  # fmt: skip


def is_sound_question(question: str | None) -> bool:
    return question is not None and question not in QUESTIONS


def listen(question: str) -> str:
    """The call that a question becomes: "listen(to=more, sounds=beep and knock)"."""
    name, *named = question.split(":")
    if name == "place":
        return f"listen(to=place, which={named[0]})"
    named = [ORDERED.get(sound, sound) for sound in named] if name == "order" else named
    if named:
        return f"listen(to={name}, sounds={' and '.join(named)})"
    if name in COMPARED:
        return f"listen(to={'extreme' if name.endswith('est') else 'compared'}, which={name})"
    return f"listen(to={name})"


def count_of(facts: Facts, event: str) -> int:
    return facts.get("events", "").split().count(event)


def answer_sound(question: str, facts: Facts) -> str:
    """To a sound question, from what is true of the sound."""
    name, *named = question.split(":")
    counts = [count_of(facts, event) for event in named]
    if name == "count":
        return f"I hear {plural(named[0], counts[0])}."
    if name == "together":
        return f"There are {words(sum(counts))} together."
    if name == "difference":
        more = counts[0] - counts[1]
        if more > 0:
            return f"There {'is' if more == 1 else 'are'} {words(more)} more."
        return "There are as many." if more == 0 else f"No, there are {words(-more)} fewer."
    if name == "more":
        if counts[0] == counts[1]:
            return f"No, there are as many {named[0]}s as {named[1]}s."
        more = named[0] if counts[0] > counts[1] else named[1]
        return f"{'Yes' if counts[0] > counts[1] else 'No'}, there are more {more}s."
    if name == "first":
        events = facts["events"].split()
        return f"The {min(named, key=events.index)} came first."
    if name == "place":
        events = facts["events"].split()
        return f"The {named[0]} sound was a {events[0 if named[0] == 'first' else -1]}."
    if name == "order":
        return f"The {ORDERED[facts['order'].split()[0]]} came first."
    if name in COMPARED:
        fact, value = COMPARED[name]
        place = ORDINALS[facts[fact].split().index(value)]
        return f"The {place} tone was {'the ' if name.endswith('est') else ''}{name}."
    if name == "chord":
        return f"It is a {facts['chord']} chord."
    if name == "rhythm":
        return f"It is {facts['rhythm']}."
    if name == "direction":
        return f"It is {facts['direction']}."
    if "sound" in facts:
        return f"I hear {SOUNDS[facts['sound']]}."
    return f"I hear {listed(facts)}."


def listed(facts: Facts) -> str:
    """ "two beeps and one knock", in the order of first appearance."""
    events = facts["events"].split()
    parts = [plural(event, events.count(event)) for event in dict.fromkeys(events)]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def ask(rng: random.Random) -> Item:
    """A question about the voice or about a sound."""
    if rng.random() < 0.42:
        question = rng.choice(list(QUESTIONS))
        return Item(rng.choice(QUESTIONS[question]), listen(question), None, question=question)
    makers = list(SOUND_QUESTIONS.values())
    maker = rng.choices(makers, [weight for _, weight in makers])[0][0]
    text, question = maker(rng)
    return Item(rng.choice(_LEADS) + text, listen(question), None, question=question)
