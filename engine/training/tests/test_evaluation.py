"""What the evaluation clips are, and what is judged beside the engine."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from aloud_nano import evalsets
from aloud_nano.grammar import Sampler
from aloud_nano.grammar.sampler import COMPOSITIONAL, split_of
from aloud_nano.grounding import judge
from aloud_nano.peers import chosen, spoken


@pytest.fixture
def sampler() -> Sampler:
    return Sampler("test", ["the river was wide and it was cold"], ["river", "cold"])


def test_every_compositional_text_is_of_the_test_split(sampler: Sampler) -> None:
    items = evalsets.balanced("seed", 2, sampler, ("open",))
    held_out = [item for item in items if item.intent in COMPOSITIONAL]
    assert len(held_out) > 50
    assert all(split_of(item.text) == "test" for item in held_out)


def test_the_same_seed_draws_the_same_items(sampler: Sampler) -> None:
    assert evalsets.balanced("a", 1, sampler, ()) == evalsets.balanced("a", 1, sampler, ())
    assert evalsets.balanced("a", 1, sampler, ()) != evalsets.balanced("b", 1, sampler, ())


def test_recordings_of_the_training_split_are_left_out(tmp_path: Path) -> None:
    np.full(64_000, 1000, np.int16).tofile(tmp_path / "recordings.i16")
    sound = {"set": "sounds", "sound": "dog", "samples": 32_000}
    speech = {"set": "coffee-orders", "samples": 16_000, "offset": 0, "text": "a latte",
              "answer": "One latte.", "call": "order_coffee(drink=latte)", "intent": "coffee",
              "pitch": 0, "speaker": "cluster 1"}  # fmt: skip
    rows = [speech | {"split": split} for split in ("train", "unused", "test")]
    rows += [sound | {"split": "test", "offset": 0}, sound | {"split": "train", "offset": 32_000}]
    (tmp_path / "recordings.json").write_text(json.dumps(rows))
    names = [clip.set for clip in evalsets.real(tmp_path)]
    assert names.count("real: coffee-orders") == 1
    assert names.count("real: sounds") <= 2  # two pieces of the one test clip


def test_a_question_about_sounds_gets_a_sound_that_has_them() -> None:
    bank = evalsets.make_tasks(1, 40)
    rng = random.Random(1)
    for index in (evalsets._fitting("first:beep:knock", bank, rng) for _ in range(5)):
        if index is not None:
            assert {"beep", "knock"} <= set(bank.facts[index]["events"].split())


def test_noise_lies_where_the_ratio_says() -> None:
    rng = np.random.default_rng(1)
    tone = np.sin(np.arange(160_000) / 5).astype(np.float32)
    made = evalsets.placed(tone, rng, snr=0)
    edge = made[:3000]
    speech = made[20_000:150_000]
    ratio = 10 * np.log10(np.square(speech).mean() / np.square(edge).mean())
    assert ratio == pytest.approx(3, abs=0.7)  # as loud, so together twice the power


def test_clips_are_written_back_to_back(tmp_path: Path) -> None:
    def clips() -> list[evalsets.Clip]:
        tone = np.full(160, 0.5, np.float32)
        return [evalsets.Clip("a", tone, "x", "X."), evalsets.Clip("a", tone, "y", "Y.")]

    rows = evalsets.write(tmp_path, iter(clips()))
    assert [(row["id"], row["offset"], row["samples"]) for row in rows] == [
        ("a #0", 0, 160), ("a #1", 160, 160),
    ]  # fmt: skip
    assert (tmp_path / "clips.i16").stat().st_size == 640


def test_whisper_is_compared_in_spoken_form() -> None:
    assert spoken("Set a timer for 15 minutes.") == "set a timer for fifteen minutes"
    assert spoken("Wake me at 6:45 p.m.") == "wake me at six forty five p m"
    assert spoken("What is 20% of 350?") == "what is twenty percent of three hundred fifty"


def test_people_are_all_transcribed_synthetic_sets_in_part() -> None:
    rows = [{"set": name, "text": "x"} for name in ("real: strangers", "festival") for _ in "12345"]
    taken = [row["set"] for row in chosen(rows, 2)]
    assert taken.count("real: strangers") == 5
    assert taken.count("festival") == 2


def test_claims_are_counted_against_the_facts_of_their_clip() -> None:
    line = json.dumps({"key": "q #0 | full", "acoustic": " The chord is minor."})
    other = json.dumps({"key": "x #0 | full", "acoustic": " The chord is minor."})
    assert judge({"q #0": {"chord": "major"}}, [line, other]) == {"q #0 | full": (0, 1)}
