"""Token sequences of turns: what is given, and what nano must write."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tokenizers import Tokenizer

from aloud_nano.tokens import ID

SYSTEM, USER, EOT, ASSISTANT = (
    ID[name] for name in ("<|system|>", "<|user|>", "<|eot|>", "<|assistant|>")
)
THINK, ACOUSTIC, DONE = ID["<think>"], ID["<acoustic>"], ID["</think>"]
CALL, CALL_END, TOOL = ID["<tool_call>"], ID["</tool_call>"], ID["<|tool|>"]
AUDIO = ID["<|audio|>"]
IGNORE = -100  # a label that is not learned

NOBODY = " Nobody is speaking."
UNCLEAR = " Somebody speaks, but the words are not clear."
NO_SOUND = " There is no sound, only text."


def heard(text: str, steps: Sequence[str] = ()) -> str:
    return f' The speaker says "{text}".{_sentences(steps)}'


def written(text: str, steps: Sequence[str] = ()) -> str:
    return f' The user writes "{text}".{_sentences(steps)}'


def _sentences(steps: Sequence[str]) -> str:
    return "".join(f" {step}." for step in steps)


def declared(names: Sequence[str]) -> str:
    """The system line that says which tools the application has."""
    return "tools: " + ", ".join(names)


@dataclass
class Turn:
    """``ids`` is the whole turn, ``labels`` the same where nano must write it, else IGNORE.

    A spoken turn's tokens after the first attend to its ``frames`` of audio.
    """

    ids: list[int]
    labels: list[int]
    frames: int
    think: bool

    def unlabelled(self) -> Turn:
        return Turn(self.ids, [IGNORE] * len(self.ids), self.frames, self.think)


def assemble(given: Sequence[int], own: Sequence[int], frames: int, think: bool) -> Turn:
    return Turn([*given, *own], [IGNORE] * len(given) + list(own), frames, think)


class TurnWriter:
    def __init__(self, tokenizer: Tokenizer, hearing: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.hearing = hearing
        self.encode = lru_cache(maxsize=20_000)(self._encode)

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def ctc(self, text: str) -> list[int]:
        return [index + 1 for index in self.hearing.encode(text).ids] if text else []

    def stored(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Token ids that a shard keeps, so that the loader need not encode.

        thought: quote and steps; semantic: these and the call.
        """
        text, answer = entry["text"], entry["answer"]
        thought = self._encode(heard(text, entry.get("steps", ()))) if text else []
        call = self._encode(f" {entry['call']}.") if text else []
        return {
            "thought": thought,
            "semantic": thought + call,
            "answer_ids": self._encode(answer) if answer else [],
            "ctc": self.ctc(text),
        }

    def spoken(
        self, frames: int, semantic: list[int], acoustic: str, answer: list[int], think: bool
    ) -> Turn:
        return self._turn([USER, AUDIO], frames, semantic, acoustic, answer, think)

    def typed(
        self, text: str, call: str, answer: str, think: bool, steps: Sequence[str] = ()
    ) -> Turn:
        semantic = self._encode(f"{written(text, steps)} {call}.")
        content = [USER, *self._encode(text)]
        return self._turn(content, 0, semantic, NO_SOUND, self._encode(answer), think)

    def typed_call(self, text: str, call: str, think: bool, steps: Sequence[str] = ()) -> Turn:
        """A typed turn whose call the application is to run."""
        content = [USER, *self._encode(text)]
        semantic = self._encode(written(text, steps))
        return self._turn(content, 0, semantic, NO_SOUND, self.call_reply(call), think)

    def call_reply(self, call: str) -> list[int]:
        """What takes the answer's place where the application has the tool."""
        return [CALL, *self._encode(call), CALL_END]

    def tools(self, names: Sequence[str]) -> Turn:
        return assemble([SYSTEM, *self._encode(declared(names)), EOT], [], 0, False)

    def tool_result(self, result: str, answer: str, think: bool) -> Turn:
        given = [TOOL, *self._encode(result), EOT, ASSISTANT, THINK]
        thought = self._encode(f' The tool says "{result}".') if think else []
        forced = [] if think else [DONE]
        own = [*([*thought, DONE] if think else []), *self._encode(answer), EOT]
        return assemble(given + forced, own, 0, think)

    def _turn(
        self, content: list[int], frames: int, semantic: list[int], acoustic: str,
        answer: list[int], think: bool,
    ) -> Turn:  # fmt: skip
        given = [*content, EOT, ASSISTANT, THINK]
        if not think:
            return assemble([*given, DONE], [*answer, EOT], frames, think)
        own = [*semantic, ACOUSTIC, *self.encode(acoustic), DONE, *answer, EOT]
        return assemble(given, own, frames, think)


def cut_short(turn: Turn, rng: random.Random) -> Turn:
    """The thought is closed from outside after some of its tokens; the answer follows from it."""
    if not turn.think or DONE not in turn.ids:
        return turn
    start, end = turn.ids.index(THINK) + 1, turn.ids.index(DONE)
    if end - start < 2:
        return turn
    kept = rng.randrange(1, end - start)
    ids = turn.ids[: start + kept] + turn.ids[end:]
    labels = turn.labels[: start + kept] + turn.labels[end:]
    labels[start : start + kept + 1] = [IGNORE] * (kept + 1)
    return Turn(ids, labels, turn.frames, True)
