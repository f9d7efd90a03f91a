"""Tokens, turn layout and packing."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from aloud_nano.batch import (
    CROSS_PER_BLOCK,
    UNKNOWN,
    BatchShape,
    Conversation,
    Packer,
    build_batch,
    end_of_turn,
)
from aloud_nano.scene import MAX_BLOCKS, BankIndex, Director, Scene
from aloud_nano.tokens import (
    ID,
    SPECIAL_TOKENS,
    hearing_vocabulary,
    prune,
    train_hearing_pieces,
)
from aloud_nano.turns import ASSISTANT, AUDIO, DONE, EOT, IGNORE, THINK, TurnWriter, cut_short

TEXTS = ["set a timer for 15 minutes", "the voice is low", "the timer is set"] * 20


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small byte-level tokenizer in the form of Whisper's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    path = tmp_path_factory.mktemp("whisper") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="module")
def writer(whisper: Path) -> TurnWriter:
    return TurnWriter(prune(whisper, TEXTS)[0], train_hearing_pieces(TEXTS))


@pytest.fixture(scope="module")
def director(writer: TurnWriter) -> Director:
    return Director(writer, BankIndex(["beeps"], [3], [20_000]))


def entry(writer: TurnWriter, seconds: float = 2.0) -> dict:
    made = {
        "text": "set a timer", "call": "set_timer(duration=1m)", "answer": "Timer set.",
        "intent": "timer", "question": None, "offset": 0, "samples": int(seconds * 16_000),
        "pitch": 120.0, "rate": 14.0, "whispered": False, "steps": [],
    }  # fmt: skip
    return made | writer.stored(made)


def plain_scene(director: Director, writer: TurnWriter, seconds: float) -> Scene:
    """A clip that was not cut mid-way."""
    for seed in range(20):
        scene = director.speech(random.Random(seed), entry(writer, seconds))
        if scene.finished:
            return scene
    raise AssertionError("every clip was cut")


def test_special_tokens_come_first_in_their_order(writer: TurnWriter) -> None:
    for index, name in enumerate(SPECIAL_TOKENS):
        assert writer.tokenizer.token_to_id(name) == index == ID[name]


def test_digits_are_single_tokens(writer: TurnWriter) -> None:
    assert writer.tokenizer.encode("1234").tokens == list("1234")


def test_a_kept_word_is_cut_as_whisper_cuts_it(whisper: Path) -> None:
    own, pieces = prune(whisper, TEXTS)
    theirs = Tokenizer.from_file(str(whisper))
    made = own.encode(" the timer", add_special_tokens=False).ids
    assert [pieces[index] for index in made] == theirs.encode(" the timer").ids
    assert pieces[: len(SPECIAL_TOKENS)] == [-1] * len(SPECIAL_TOKENS)


def test_hearing_pieces_spell_the_words_they_are_made_of(writer: TurnWriter) -> None:
    classes = hearing_vocabulary(writer.hearing)
    assert classes[0] == ""
    spelled = "".join(classes[index] for index in writer.ctc("the voice is set"))
    assert spelled == " the voice is set"


def test_a_spoken_turn_is_one_marker_and_what_nano_writes(writer: TurnWriter) -> None:
    turn = writer.spoken(12, writer.encode(" The speaker"), " The voice", writer.encode("Ok"), True)
    names = [writer.tokenizer.id_to_token(i) for i in turn.ids]
    assert names[:5] == ["<|user|>", "<|audio|>", "<|eot|>", "<|assistant|>", "<think>"]
    assert turn.labels[:5] == [IGNORE] * 5 and turn.labels[5:] == turn.ids[5:]
    order = [names.index(n) for n in ("<think>", "<acoustic>", "</think>")]
    assert order == sorted(order) and names[-1] == "<|eot|>"


def test_direct_mode_gives_empty_thinking(writer: TurnWriter) -> None:
    turn = writer.typed("hi", "greet()", "Hello!", think=False)
    place = turn.ids.index(THINK)
    assert turn.ids[place : place + 2] == [THINK, DONE]
    assert turn.labels[place + 1] == IGNORE and turn.labels[place + 2 :] == turn.ids[place + 2 :]


def test_a_thought_that_is_cut_short_is_not_learned_but_its_answer_is(writer: TurnWriter) -> None:
    whole = writer.typed("hi", "greet()", "Hello!", think=True)
    turn = cut_short(whole, random.Random(3))
    assert len(turn.ids) < len(whole.ids)
    done = turn.ids.index(DONE)
    start = turn.ids.index(THINK) + 1
    assert set(turn.labels[start : done + 1]) == {IGNORE}
    assert turn.ids[done:] == whole.ids[whole.ids.index(DONE) :]
    assert turn.labels[done + 1 :] == turn.ids[done + 1 :]


def test_a_declared_tool_is_called_instead_of_answered(writer: TurnWriter) -> None:
    turn = writer.typed_call("hi", "greet()", think=True)
    names = [writer.tokenizer.id_to_token(i) for i in turn.ids]
    assert names[names.index("</think>") + 1] == "<tool_call>"
    assert names[-2:] == ["</tool_call>", "<|eot|>"]
    result = writer.tool_result("ok", "Done.", think=True)
    assert result.ids[0] == ID["<|tool|>"] and result.ids[-1] == EOT
    assert result.labels[: result.ids.index(THINK) + 1].count(IGNORE) == result.ids.index(THINK) + 1


def test_packing_keeps_turns_and_audio_together(writer: TurnWriter, director: Director) -> None:
    rng = random.Random(0)
    shape = BatchShape(audio_rows=6, text_rows=3, text_length=256, spoken=24)

    def draw() -> Conversation:
        turns = []
        for _ in range(rng.randint(1, 3)):
            scene = director.speech(rng, entry(writer, rng.uniform(0.5, 4)))
            turns.append((scene.turn, scene))
        return Conversation(turns)

    pending: list[Conversation] = []
    batch = build_batch(shape, pending, draw, np.random.default_rng(0))
    ids, labels = batch["ids"], batch["labels"]
    marked = labels[:, :-1] != IGNORE
    assert (labels[:, :-1][marked] == ids[:, 1:][marked]).all()
    flat, spare = ids.flatten(), ids.size
    count = len(batch["first_block"])
    assert (ids == AUDIO).sum() == count
    for number, first in enumerate(batch["first_block"]):
        places = batch["queries"][number][batch["queries"][number] != spare]
        assert flat[places[0]] == AUDIO and flat[places[-1]] == EOT
        blocks = batch["blocks"][number]
        assert (batch["utterance"][first : first + blocks] == number).all()
        assert first // MAX_BLOCKS == (first + blocks - 1) // MAX_BLOCKS
        frames = batch["frames"][number][: batch["frame_count"][number]]
        assert (frames == first * CROSS_PER_BLOCK + np.arange(blocks * CROSS_PER_BLOCK)).all()
    assert (batch["queries"][count:] == spare).all() and not batch["frame_count"][count:].any()


def test_a_conversation_that_does_not_fit_changes_nothing(
    writer: TurnWriter, director: Director
) -> None:
    packer = Packer(BatchShape(audio_rows=1, text_rows=1, text_length=400, spoken=4))
    rng = random.Random(1)
    scenes = [director.speech(rng, entry(writer, 8.0)) for _ in range(2)]
    assert packer.add(Conversation([(scenes[0].turn, scenes[0])]))
    before, free = packer.ids.copy(), list(packer.audio_free)
    assert not packer.add(Conversation([(scenes[1].turn, scenes[1])]))
    assert (packer.ids == before).all() and packer.count == 1 and packer.audio_free == free


def test_the_user_has_finished_after_the_last_word_and_not_before(
    writer: TurnWriter, director: Director
) -> None:
    scene = plain_scene(director, writer, 2.0)
    scene.before, scene.samples, scene.total = 4_800, 32_000, 50_000
    labels = end_of_turn(scene)
    ends = [(block + 1) * 7_680 for block in range(scene.blocks)]
    for label, until in zip(labels, ends, strict=True):
        if until >= 36_800 + 960:
            assert label == 1
        elif 8_000 <= until <= 36_800:
            assert label == 0
        else:
            assert label == UNKNOWN
    scene.finished = False
    assert 1 not in end_of_turn(scene)


def test_words_that_are_not_known_are_not_learned(writer: TurnWriter, director: Director) -> None:
    scene = plain_scene(director, writer, 2.0)
    scene.silent_labels = True
    packer = Packer(BatchShape(audio_rows=1, text_rows=1, text_length=400, spoken=4))
    assert packer.add(Conversation([(scene.turn, scene)]))
    batch = packer.finish(np.random.default_rng(0))
    assert (batch["labels"] == IGNORE).all() and batch["ctc_length"].sum() == 0


def test_positions_wrap(writer: TurnWriter) -> None:
    turn = writer.typed("hi", "greet()", "Hello!", think=True)
    packer = Packer(BatchShape(audio_rows=1, text_rows=1, text_length=400, spoken=4))
    assert packer.add(Conversation([(turn, None)]), first_position=1020)
    assert list(packer.positions[0, :6]) == [1020, 1021, 1022, 1023, 0, 1]
    assert packer.ids[0, list(packer.ids[0]).index(ASSISTANT)] == ASSISTANT
