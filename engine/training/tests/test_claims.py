"""Every acoustic text that training writes can be read back, and is true of its own scene."""

from __future__ import annotations

import random

import pytest

from aloud_nano.claims import claims, grounded
from aloud_nano.evidence import example
from aloud_nano.grammar.sound import QUESTIONS, SOUNDS, answer_sound, ask, is_sound_question
from aloud_nano.scene import MAX_BLOCKS, BankIndex, Director, Scene
from aloud_nano.sound_tasks import make_tasks
from aloud_nano.sounds import KINDS

BLOCK = 7680


class Writer:
    """Keeps the texts that a scene is made of."""

    acoustic = ""
    audio = 0
    think = True

    def encode(self, text: str) -> list[str]:
        return [text]

    def spoken(self, audio: int, semantic: object, acoustic: str, reply: list[str], think: bool):
        self.audio, self.acoustic, self.reply = audio, acoustic, "".join(reply)
        return self

    def typed(self, text: str, call: str, answer: str, think: bool):
        self.text, self.reply = text, answer
        return self


@pytest.fixture(scope="module")
def bank() -> BankIndex:
    tasks = make_tasks(3, 700).index()
    plain = [kind for kind in SOUNDS if kind != "babble"]
    counts = [3 if kind in ("beeps", "knocks", "clap") else 0 for kind in plain]
    return BankIndex(
        plain + tasks.kinds, counts + tasks.counts, [40_000] * len(plain) + tasks.lengths,
        [{}] * len(plain) + tasks.facts,
    )  # fmt: skip


@pytest.fixture(scope="module")
def director(bank: BankIndex) -> Director:
    return Director(Writer(), bank)  # type: ignore[arg-type]


def entry(rng: random.Random, question: str | None, text: str) -> dict:
    rate = rng.uniform(8, 22)
    return {
        "text": text, "call": "call()", "answer": None if question else "Yes.", "offset": 0,
        "question": question, "samples": int(len(text) / rate * 16_000), "semantic": [],
        "answer_ids": ["Yes."], "pitch": rng.uniform(80, 260), "rate": rate,
        "whispered": rng.random() < 0.1, "pace": rng.choice(["up", "down", "same"]),
    }  # fmt: skip


def check(scene: Scene) -> None:
    text = scene.turn.acoustic  # type: ignore[attr-defined]
    claimed = claims(text)
    assert claimed and not [key for key in claimed if "?" in key or "/" in key], text
    true, count = grounded(claimed, scene.facts)
    assert true == count, (text, claimed, scene.facts)


def test_speech_is_described_truly(director: Director) -> None:
    rng = random.Random(1)
    for _ in range(3000):
        scene = director.speech(rng, entry(rng, None, "turn on the light in the kitchen"))
        check(scene)


def test_questions_are_answered_from_true_evidence(director: Director) -> None:
    rng, asked = random.Random(2), set()
    for _ in range(8000):
        item = ask(rng)
        made = entry(rng, item.question, item.text)
        if not director.usable(made):
            continue
        scene = director.speech(rng, made)
        check(scene)
        assert item.question
        asked.add(item.question.split(":")[0])
        assert scene.turn.reply[-1] == "."  # type: ignore[attr-defined]
        assert scene.blocks <= MAX_BLOCKS
        if is_sound_question(item.question):
            assert scene.turn.reply == answer_sound(item.question, scene.facts)  # type: ignore[attr-defined]
    assert asked >= {*QUESTIONS, "count", "together", "more", "difference", "first", "place",
                     "order", "higher", "louder", "longer", "highest", "chord", "rhythm",
                     "direction", "sound"}  # fmt: skip


@pytest.mark.parametrize("kind", ["sound", "noise", "silence"])
def test_where_nobody_speaks_what_is_said_is_true(director: Director, kind) -> None:
    rng = random.Random(3)
    for _ in range(1000):
        check(director.no_speech(rng, kind))


def test_false_claims_are_found_out() -> None:
    facts = {"events": "beep beep knock", "pitch": "low", "hertz": "104"}
    said = " I hear beep 1, beep 2, beep 3. Two beeps, two knocks. 2 + 2 = 5. It smells of roses."
    assert claims(said) == {
        "events": "beep beep beep", "count.beep": "2", "count.knock": "2", "sum": "2 + 2 = 5",
        "?4": "It smells of roses",
    }  # fmt: skip
    assert grounded(claims(said), facts) == (1, 5)
    assert grounded(claims(" The pitch is about 110 hertz, so low."), facts) == (2, 2)
    assert grounded(claims(" The pitch is about 160 hertz, so middle."), facts) == (0, 2)


def test_a_claim_and_its_opposite_both_count() -> None:
    said = " The chord is major. The chord is minor."
    assert grounded(claims(said), {"chord": "minor"}) == (1, 2)


def test_nothing_said_claims_nothing() -> None:
    assert claims("") == {} and grounded({}, {"pitch": "low"}) == (0, 0)


def test_every_sound_can_be_claimed() -> None:
    for kind in KINDS:
        assert claims(f" I hear {SOUNDS[kind]}.") == {"sound": kind}


def test_imagined_examples_can_be_read_as_well() -> None:
    rng = random.Random(4)
    for _ in range(4000):
        text, acoustic, reply = example(rng)
        assert text and reply
        assert not [key for key in claims(acoustic) if "?" in key], acoustic


def test_an_utterance_cut_mid_way_teaches_no_words(director: Director) -> None:
    rng, whole = random.Random(5), entry(random.Random(5), None, "turn on the light in the kitchen")
    whole["ctc"] = [1, 2, 3]
    scenes = [director.speech(rng, whole) for _ in range(1500)]
    cut = [scene for scene in scenes if scene.silent_labels]
    assert 0.02 < len(cut) / len(scenes) < 0.06
    for scene in cut:
        assert not scene.finished and scene.ctc == []
        assert 0.29 < scene.samples / whole["samples"] < 0.81
    assert all(s.finished and s.ctc for s in scenes if not s.silent_labels)
    whole["in_dialogue"] = True  # what follows would hang on words that were never said
    assert not any(director.speech(rng, whole).silent_labels for _ in range(300))


def test_unclear_speech_is_far_below_what_is_still_to_be_understood(director: Director) -> None:
    rng, made = random.Random(6), entry(random.Random(6), None, "turn on the light")
    assert max(director.unclear(rng, made).snr for _ in range(300)) <= -10
    assert min(director.speech(rng, made).snr for _ in range(300)) >= -2


def test_noise_and_people_talking_are_never_a_command(director: Director) -> None:
    rng = random.Random(7)
    replies = {director.no_speech(rng, "noise").turn.reply for _ in range(200)}  # type: ignore[attr-defined]
    assert replies == {
        "I hear only noise.", "I hear people talking, but nobody is speaking to me.",
    }  # fmt: skip
