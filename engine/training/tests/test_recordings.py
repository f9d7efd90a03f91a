"""The recordings' split parts no speaker, and their labels fit the sets."""

import json

import numpy as np

from aloud_nano.recordings import (
    CLUSTERED,
    LABELS,
    SPEECH_SETS,
    TEST_SHARE,
    accept,
    loops,
    normalise_transcript,
    spoken_entries,
)
from aloud_nano.recordings import (
    test_groups as groups_for_test,
)
from aloud_nano.speakers import cluster, mel_filters


def test_groups_are_whole_and_about_a_ninth() -> None:
    groups = [f"speaker {n % 40}" for n in range(400)]
    test = groups_for_test(groups, TEST_SHARE)
    share = sum(group in test for group in groups) / len(groups)
    assert TEST_SHARE <= share < TEST_SHARE + 0.03


def test_the_split_depends_on_the_names_of_the_groups_alone() -> None:
    groups = [f"speaker {n % 40}" for n in range(400)]
    assert groups_for_test(groups, TEST_SHARE) == groups_for_test(groups[::-1], TEST_SHARE)


def test_all_clips_of_a_test_speaker_are_test_clips() -> None:
    clips = [{"text": "bed", "spk": "a", "n": 16000}, {"text": "cat", "spk": "a", "n": 16000}]
    entries = spoken_entries("single-words", clips, {"pitch": [120.0, 125.0]}, {"a"})
    assert {entry["split"] for entry in entries} == {"test"}


def test_an_order_without_words_is_not_trained_on() -> None:
    clips = [{"id": "x", "slots": {"coffeeDrink": "latte"}, "n": 16000}]
    labels = {"pitch": [120.0], "text": [""], "speaker": [3]}
    (entry,) = spoken_entries("coffee-orders", clips, labels, set())
    assert entry["split"] == "unused" and not entry["transcribed"]
    (entry,) = spoken_entries("coffee-orders", clips, labels, {"cluster 3"})
    assert entry["split"] == "test" and "latte" in entry["call"]


def test_a_transcript_counts_where_every_slot_is_in_it() -> None:
    slots = {"coffeeDrink": "iced mocha", "size": "twelve ounce"}
    assert accept(normalise_transcript("Can I get a 12 oz. ice mocha?"), slots)
    assert not accept(normalise_transcript("Can I get an iced mocha?"), slots)


def test_repetition_is_whispers_unless_it_is_an_amount() -> None:
    assert loops("i want a latte i want a latte")
    assert not loops("a latte with a little bit of sugar and a little bit of soy milk")


def test_the_committed_labels_are_complete() -> None:
    labels = json.loads(LABELS.read_text())
    assert set(labels) == set(SPEECH_SETS)
    for name in SPEECH_SETS:
        voiced = np.mean(np.array(labels[name]["pitch"]) > 0)
        assert voiced > 0.85, f"{name}: pitch of {voiced:.0%} only"
    for name in CLUSTERED:
        assert len(labels[name]["speaker"]) == len(labels[name]["pitch"])
    texts = labels["coffee-orders"]["text"]
    assert sum(map(bool, texts)) / len(texts) > 0.95


def test_near_voices_share_a_cluster_and_far_ones_do_not() -> None:
    rng = np.random.default_rng(1)
    people = np.abs(rng.standard_normal((3, 256))) ** 3
    voices = np.repeat(people, 5, axis=0) + 0.05 * rng.standard_normal((15, 256))
    groups = cluster(voices / np.linalg.norm(voices, axis=1, keepdims=True), 0.7)
    assert groups == [g for g in dict.fromkeys(groups) for _ in range(5)]
    assert len(set(groups)) == 3


def test_mel_bands_cover_the_range_with_equal_area() -> None:
    filters = mel_filters()
    assert filters.shape == (40, 201)
    area = filters.sum(1) * 40  # hertz a bin
    assert np.all(filters >= 0) and np.allclose(area[10:], 1, atol=0.1)
