"""Token sequences of turns: what is given, and what nano must write."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tokenizers import Tokenizer

from aloud_nano.tokens import ID

USER, EOT, ASSISTANT = ID["<|user|>"], ID["<|eot|>"], ID["<|assistant|>"]
THINK, ACOUSTIC, DONE = ID["<think>"], ID["<acoustic>"], ID["</think>"]
AUDIO = ID["<|audio|>"]


def heard(text: str, call: str) -> str:
    return f' The speaker says "{text}". {call}.'


def written(text: str, call: str) -> str:
    return f' The user writes "{text}". {call}.'


NOBODY = " Nobody is speaking."
UNCLEAR = " Somebody speaks, but the words are not clear."
NO_SOUND = " There is no sound, only text."


@dataclass
class Turn:
    """``ids`` is the whole turn; ``first_target`` is where nano's own words begin.

    Audio positions hold <|audio|>; their embeddings are put in later. ``gold`` keeps the parts
    as text for evaluation.
    """

    ids: list[int]
    first_target: int
    audio_embeds: int
    think: bool


class TurnWriter:
    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.encode = lru_cache(maxsize=20_000)(self._encode)

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def stored(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Token ids that a shard keeps, so that the loader need not encode."""
        answer = entry["answer"]
        return {
            "semantic": self._encode(heard(entry["text"], entry["call"])) if entry["text"] else [],
            "answer_ids": self._encode(answer) if answer else [],
        }

    def spoken(
        self, embeds: int, semantic: list[int], acoustic: str, answer: list[int], think: bool
    ) -> Turn:
        return self._turn([AUDIO] * embeds, embeds, semantic, acoustic, answer, think)

    def typed(self, text: str, call: str, answer: str, think: bool) -> Turn:
        semantic = self._encode(written(text, call))
        return self._turn(self._encode(text), 0, semantic, NO_SOUND, self._encode(answer), think)

    def _turn(
        self, content: list[int], embeds: int, semantic: list[int], acoustic: str,
        answer: list[int], think: bool,
    ) -> Turn:  # fmt: skip
        ids = [USER, *content, EOT, ASSISTANT, THINK]
        if think:
            first = len(ids)
            ids += [*semantic, ACOUSTIC, *self.encode(acoustic), DONE, *answer, EOT]
        else:
            ids.append(DONE)
            first = len(ids)
            ids += [*answer, EOT]
        return Turn(ids, first, embeds, think)
