"""Sentences put together from pieces of a reader's recordings."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from aloud_nano.config import SAMPLE_RATE
from aloud_nano.splices import LABELS, PAUSE, Piece, cuts, make, pieces_of, spliced
from aloud_nano.tokens import load_tokenizer, train_hearing_pieces
from aloud_nano.turns import TurnWriter

TOKENIZER = Path(__file__).resolve().parents[2] / "models" / "nano" / "tokenizer.json"
WORD = SAMPLE_RATE // 2  # samples


def said(gaps: list[bool]) -> np.ndarray:
    """Words of half a second; where a gap is True, 60 ms of silence follow, of which half is
    counted to the word before."""
    rng = np.random.default_rng(3)
    parts = []
    for gap in [*gaps, False]:
        word = rng.normal(0, 0.2, WORD).astype(np.float32)
        if gap:
            word[-960:] = 0
        parts.append(word)
    return np.concatenate(parts)


def timed(count: int) -> list[tuple[str, float, float]]:
    return [(f"w{n}", n / 2, n / 2 + 0.5) for n in range(count)]


def test_a_cut_lies_in_the_silence_between_two_words() -> None:
    ((words, sample),) = cuts(said([True]), timed(2))
    assert words == 1
    assert WORD - 960 <= sample < WORD


def test_words_that_run_into_each_other_are_not_parted() -> None:
    assert [words for words, _ in cuts(said([True, False, True]), timed(4))] == [1, 3]


def test_pieces_have_the_words_between_their_cuts() -> None:
    pieces = pieces_of("one two three four", 1000, 4 * WORD, [(1, WORD), (3, 3 * WORD)])
    assert pieces == [
        Piece("one", 1000, 1000 + WORD),
        Piece("two three", 1000 + WORD, 1000 + 3 * WORD),
        Piece("four", 1000 + 3 * WORD, 1000 + 4 * WORD),
    ]


def test_a_piece_too_short_to_be_a_word_is_left_out() -> None:
    pieces = pieces_of("a long word", 0, 2 * WORD, [(1, WORD // 8)])
    assert [piece.text for piece in pieces] == ["long word"]


def test_seams_are_faded_and_pauses_are_short() -> None:
    pcm = np.full(4 * WORD, 10_000, np.int16)
    pieces = [Piece("a", 0, WORD), Piece("b", 2 * WORD, 3 * WORD)]
    whole = spliced(pcm, pieces, random.Random(1))
    assert whole[0] == 0 and abs(int(whole[-1])) == 0
    assert 2 * WORD <= len(whole) <= 2 * WORD + PAUSE * SAMPLE_RATE
    assert whole.max() == 10_000


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Six read sentences of training and one that is held out."""
    signal = (said([True, True, True]) * 20_000).astype(np.int16)
    rows = [
        {"set": "read-sentences", "split": "test" if n == 6 else "train",
         "text": f"this is sentence {'abcdefg'[n]}",
         "offset": n * len(signal), "samples": len(signal)}
        for n in range(7)
    ]  # fmt: skip
    np.concatenate([signal] * 7).tofile(tmp_path / "recordings.i16")
    (tmp_path / "recordings.json").write_text(json.dumps(rows))
    return tmp_path


def test_shards_say_what_is_heard_and_claim_nothing_else(recordings: Path, tmp_path: Path) -> None:
    train_hearing_pieces(["this is sentence"] * 20).save(str(tmp_path / "hearing.json"))
    writer = TurnWriter(
        load_tokenizer(TOKENIZER), Tokenizer.from_file(str(tmp_path / "hearing.json"))
    )
    places = {
        f"this is sentence {letter}": [(n, n * WORD - 480) for n in (1, 2, 3)]
        for letter in "abcdefg"
    }
    make(recordings, tmp_path / "shards", places, writer, count=1)
    (index,) = (tmp_path / "shards").glob("*.json")
    entries = json.loads(index.read_text())
    words = {"this", "is", "sentence", *"abcdef"}
    assert {word for made in entries for word in made["text"].split()} <= words  # no g: held out
    assert {made["call"] for made in entries} == {"unknown()"}
    assert {made["finished"] for made in entries} == {None}
    samples = np.fromfile(index.with_suffix(".i16"), np.int16)
    assert len(samples) == sum(made["samples"] for made in entries)
    assert all(made["answer_ids"] and made["semantic"] for made in entries)


def test_the_committed_cuts_are_of_sentences_that_may_be_trained_on() -> None:
    places = json.loads(LABELS.read_text())
    assert len(places) > 500
    for text, marks in places.items():
        words = [number for number, _ in marks]
        assert words == sorted(set(words)) and all(0 < n < len(text.split()) for n in words)
