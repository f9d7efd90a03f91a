"""Special tokens, turn layout and packing."""

from __future__ import annotations

import random

import numpy as np
import pytest

from aloud_nano.batch import IGNORE, BatchShape, Conversation, Packer, build_batch
from aloud_nano.config import EMBEDS_PER_BLOCK
from aloud_nano.scene import MAX_BLOCKS, BankIndex, Director
from aloud_nano.tokens import ID, SPECIAL_TOKENS, train_tokenizer
from aloud_nano.turns import AUDIO, TurnWriter


@pytest.fixture(scope="module")
def writer() -> TurnWriter:
    return TurnWriter(train_tokenizer(["set a timer for 15 minutes", "the voice is low"], 300))


@pytest.fixture(scope="module")
def director(writer: TurnWriter) -> Director:

    return Director(writer, BankIndex(["beeps"], [3], [20_000]))


def entry(writer: TurnWriter, seconds: float = 2.0) -> dict:
    made = {
        "text": "set a timer", "call": "timer(1m)", "answer": "Timer set.", "intent": "timer",
        "question": None, "offset": 0, "samples": int(seconds * 16_000), "pitch": 120.0,
        "rate": 14.0, "whispered": False,
    }  # fmt: skip
    return made | writer.stored(made)


def test_special_tokens_come_first_in_their_order(writer: TurnWriter) -> None:
    for index, name in enumerate(SPECIAL_TOKENS):
        assert writer.tokenizer.token_to_id(name) == index == ID[name]


def test_digits_are_single_tokens(writer: TurnWriter) -> None:
    tokens = writer.tokenizer.encode("1234").tokens
    assert tokens == list("1234")


def test_turn_layout(writer: TurnWriter) -> None:
    turn = writer.spoken(12, writer.encode(" The speaker"), " The voice", writer.encode("Ok"), True)
    names = [writer.tokenizer.id_to_token(i) for i in turn.ids]
    assert names[0] == "<|user|>" and names[1:13] == ["<|audio|>"] * 12
    assert names[13:16] == ["<|eot|>", "<|assistant|>", "<think>"]
    assert turn.first_target == 16
    order = [names.index(n) for n in ("<think>", "<acoustic>", "</think>")]
    assert order == sorted(order) and names[-1] == "<|eot|>"


def test_direct_mode_gives_empty_thinking(writer: TurnWriter) -> None:
    turn = writer.typed("hi", "greet()", "Hello!", think=False)
    names = [writer.tokenizer.id_to_token(i) for i in turn.ids]
    assert names[turn.first_target - 2 : turn.first_target] == ["<think>", "</think>"]


def test_packing_keeps_turns_and_audio_together(writer: TurnWriter, director: Director) -> None:
    rng = random.Random(0)
    shape = BatchShape(audio_rows=6, text_rows=3, text_length=256)

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
    used = batch["targets"] < ids.size
    assert (ids.flatten()[batch["targets"][used]] == AUDIO).all()
    assert used.sum() == (ids == AUDIO).sum() == batch["blocks"].sum() * EMBEDS_PER_BLOCK
    owner = batch["utterance"]
    for number, first in enumerate(batch["first_block"]):
        span = slice(first, first + batch["blocks"][number])
        assert (owner[span] == number).all()
        assert first // MAX_BLOCKS == (span.stop - 1) // MAX_BLOCKS
    assert all((batch["positions"][batch["conversation"] == c].min() == 0)
               for c in range(batch["conversation"].max() + 1))  # fmt: skip


def test_a_conversation_that_does_not_fit_changes_nothing(
    writer: TurnWriter, director: Director
) -> None:
    packer = Packer(BatchShape(audio_rows=1, text_rows=1, text_length=400))
    rng = random.Random(1)
    scenes = [director.speech(rng, entry(writer, 8.0)) for _ in range(2)]
    assert packer.add(Conversation([(scenes[0].turn, scenes[0])]))
    before = packer.ids.copy()
    assert not packer.add(Conversation([(scenes[1].turn, scenes[1])]))
    assert (packer.ids == before).all() and packer.count == 1
