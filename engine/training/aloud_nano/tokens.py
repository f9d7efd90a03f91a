"""Special tokens, the tokenizer, and how a turn is written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from aloud_nano.config import VOCAB_SIZE

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
#   <|user|> audio embeddings or text <|eot|> <|assistant|> <think> semantic <acoustic> acoustic
#   </think> answer <|eot|>
PROMPT = {
    "user_open": ["<|user|>"],
    "user_close": ["<|eot|>"],
    "assistant_open": ["<|assistant|>"],
    "think": ["<think>"],
    "direct": ["<think>", "</think>"],
    "acoustic_open": "<acoustic>",
    "think_close": "</think>",
    "turn_close": "<|eot|>",
}


def ids_of(names: Iterable[str]) -> list[int]:
    return [ID[name] for name in names]


def train_tokenizer(texts: Iterable[str], vocab_size: int = VOCAB_SIZE) -> Tokenizer:
    """Byte-level BPE with single digits; special tokens first, in their fixed order."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    for name, index in ID.items():
        if tokenizer.token_to_id(name) != index:
            raise ValueError(
                f"{path}: {name} has id {tokenizer.token_to_id(name)}, expected {index}"
            )
    return tokenizer
