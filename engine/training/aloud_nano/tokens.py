"""Special tokens, the tokenizers, and how a turn is written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from aloud_nano.config import CTC_CLASSES, VOCAB_SIZE

# Ids follow this order and never change between versions.
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<think>",
    "<acoustic>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<|tool|>",
    "<|eot|>",
    "<|audio|>",
    *(f"<|reserved_{i}|>" for i in range(8)),
)
ID = {name: index for index, name in enumerate(SPECIAL_TOKENS)}

# How turns are written, as data for the engine (config.json repeats it).
#   <|user|> text or <|audio|> <|eot|> <|assistant|> <think> semantic <acoustic> acoustic
#   </think> answer <|eot|>
PROMPT = {
    "system_open": ["<|system|>"],
    "system_close": ["<|eot|>"],
    "user_open": ["<|user|>"],
    "audio": ["<|audio|>"],
    "user_close": ["<|eot|>"],
    "tool_open": ["<|tool|>"],
    "tool_close": ["<|eot|>"],
    "assistant_open": ["<|assistant|>"],
    "think": ["<think>"],
    "direct": ["<think>", "</think>"],
    "acoustic_open": "<acoustic>",
    "think_close": "</think>",
    "tool_call_open": "<tool_call>",
    "tool_call_close": "</tool_call>",
    "turn_close": "<|eot|>",
}


def ids_of(names: Iterable[str]) -> list[int]:
    return [ID[name] for name in names]


def _pre_tokenizer() -> Any:
    """Single digits; otherwise GPT-2's words."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )


def prune(
    whisper: Path, texts: Iterable[str], size: int = VOCAB_SIZE
) -> tuple[Tokenizer, list[int]]:
    """A tokenizer of ``size`` pieces, those of Whisper's that ``texts`` use most, and their ids
    there (-1: ours).

    A piece is kept with everything it is merged from, so a word whose piece is kept is cut
    exactly as Whisper cuts it.
    """
    model = json.loads(whisper.read_text())["model"]
    vocab: dict[str, int] = model["vocab"]
    merges = [tuple(m.split(" ") if isinstance(m, str) else m) for m in model["merges"]]
    parts = {left + right: (left, right) for left, right in merges}
    whole = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    whole.pre_tokenizer = _pre_tokenizer()
    used: Counter[int] = Counter()
    for encoding in whole.encode_batch(list(texts)):
        used.update(encoding.ids)
    names = {index: name for name, index in vocab.items()}
    kept = dict.fromkeys(sorted(pre_tokenizers.ByteLevel.alphabet()))

    def with_parts(name: str) -> list[str]:
        found = [name]
        for part in parts.get(name, ()):
            found += with_parts(part)
        return found

    room = size - len(SPECIAL_TOKENS)
    for index, _ in used.most_common():
        needed = [name for name in with_parts(names[index]) if name not in kept]
        if len(kept) + len(set(needed)) <= room:
            kept.update(dict.fromkeys(needed))
    pieces = sorted(kept, key=lambda name: vocab[name])
    ids = {name: index for index, name in enumerate((*SPECIAL_TOKENS, *pieces))}
    chosen = [m for m in merges if m[0] + m[1] in kept and m[0] in kept and m[1] in kept]
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=chosen))
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer, [-1] * len(SPECIAL_TOKENS) + [vocab[name] for name in pieces]


def load_tokenizer(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    for name, index in ID.items():
        if tokenizer.token_to_id(name) != index:
            raise ValueError(
                f"{path}: {name} has id {tokenizer.token_to_id(name)}, expected {index}"
            )
    return tokenizer


def train_hearing_pieces(texts: Iterable[str]) -> Tokenizer:
    """Word pieces of lower-case words for the CTC head; class i is piece i - 1, 0 the blank."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=" ", prepend_scheme="always")
    letters = [" ", "'", *"abcdefghijklmnopqrstuvwxyz"]
    trainer = trainers.BpeTrainer(
        vocab_size=CTC_CLASSES - 1, initial_alphabet=letters, limit_alphabet=len(letters),
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def hearing_vocabulary(tokenizer: Tokenizer) -> list[str]:
    """The text of every CTC class; a piece that begins a word begins with a space."""
    pieces = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return ["", *(piece for piece, _ in pieces)]
