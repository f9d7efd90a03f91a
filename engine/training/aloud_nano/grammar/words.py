"""Spelling and letters; the thought takes the word apart."""

from __future__ import annotations

import random

from aloud_nano.grammar.item import Item, capital
from aloud_nano.grammar.numbers import ORDINALS, words
from aloud_nano.grammar.skill import Skill, Slots, command, question
from aloud_nano.grammar.slots import other
from aloud_nano.grammar.tools import call

SPELLABLE = (
    "apple banana orange table chair window garden summer winter school friend yellow purple "
    "doctor music coffee kitchen bottle pencil paper flower animal rabbit tiger monkey "
    "elephant mountain river ocean island bridge castle dragon planet rocket engine guitar "
    "violin camera letter number button circle square triangle weather thunder breakfast "
    "dinner lunch sugar pepper butter cheese chicken salad lemon cherry grape melon carrot "
    "potato tomato onion garlic house street station airport ticket travel holiday birthday "
    "present family mother father sister brother morning evening night monday friday question "
    "answer silver golden copper metal wooden glass mirror pillow blanket sweater jacket "
    "shirt trousers shoes hammer needle thread water bread horse cat dog bird fish tree moon "
    "star cloud train plane ship lamp door wall floor clock watch phone book story picture "
    "color green black white happy hungry tired quiet strong little people person child baby "
    "teacher student market village forest desert beach tuesday sunday january october february "
    "necessary different beautiful tomorrow because believe receive"
).split()
_SHORT = [word for word in SPELLABLE if len(word) < 7]


def numbered(word: str, count: int | None = None) -> str:
    """ "a1 p2 p3 l4 e5"."""
    return " ".join(f"{letter}{i}" for i, letter in enumerate(word[:count], 1))


def _from_the_end(word: str) -> str:
    """ "e5 l4 p3 p2 a1"."""
    return " ".join(reversed(numbered(word).split()))


def _change_word(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    word = other(rng, SPELLABLE, slots["word"])
    text = rng.choice(["and {}", "what about {}", "and now {}", "no i meant {}", "now {}"])
    return text.format(word), {**slots, "word": word}


spell = Skill(
    lambda rng: {"word": rng.choice(SPELLABLE)},
    lambda rng, slots: command(
        rng, ["spell {w}", "spell the word {w}", "give me the letters of {w}"],
        ["how do you spell {w}", "how is {w} spelled", "how do i write {w}", "how do i spell {w}"],
        w=slots["word"]),
    lambda slots: (call("spell_word", word=slots["word"]),
                   f"{capital(slots['word'])}: {' '.join(slots['word'].upper())}.", ()),
    (_change_word,),
)  # fmt: skip

backwards = Skill(
    lambda rng: {"word": rng.choice(_SHORT)},
    lambda rng, slots: command(
        rng, ["spell {w} backwards", "spell the word {w} backwards",
              "say the letters of {w} backwards"],
        ["what is {w} spelled backwards", "how do you spell {w} backwards", "{w} backwards"],
        w=slots["word"]),
    lambda slots: (call("spell_word", word=slots["word"], order="backwards"),
                   f"{' '.join(slots['word'][::-1].upper())}.",
                   (f"forwards {numbered(slots['word'])}",
                    f"backwards {_from_the_end(slots['word'])}")),
    (),
)  # fmt: skip

letters = Skill(
    lambda rng: {"word": rng.choice(SPELLABLE)},
    lambda rng, slots: question(
        rng, ["how many letters are in {w}", "how many letters does {w} have",
        "count the letters in {w}",
              "how many letters are there in the word {w}", "how long is the word {w}",
              "how many letters has {w}"], w=slots["word"]),
    lambda slots: (call("count_letters", word=slots["word"]),
                   f"{capital(slots['word'])} has {words(len(slots['word']))} letters.",
                   (numbered(slots["word"]),)),
    (_change_word,),
)  # fmt: skip


def nth_letter(rng: random.Random) -> Item:
    word = rng.choice(SPELLABLE)
    position = rng.randint(1, len(word))
    last = rng.random() < 0.15
    position = len(word) if last else position
    name = "last" if last else ORDINALS[position]
    text = question(rng, ["what is the {n} letter of {w}", "what's the {n} letter in {w}",
                          "which letter is the {n} in {w}", "tell me the {n} letter of {w}",
                          "what is the {n} letter of the word {w}"], n=name, w=word)  # fmt: skip
    made = call("find_letter", word=word, position="last" if last else position)
    steps = (numbered(word, position if rng.random() < 0.5 else None),)
    return Item(text, made, f"The {name} letter is {word[position - 1].upper()}.", steps=steps)


def count_letter(rng: random.Random) -> Item:
    """How often one letter is in a word."""
    word = rng.choice(SPELLABLE)
    letter = rng.choice(word) if rng.random() < 0.8 else rng.choice("aeilnorst")
    found = word.count(letter)
    times = {0: "not at all", 1: "once", 2: "twice"}.get(found, f"{words(found)} times")
    text = question(rng, ["how often is the letter {c} in {w}", "how many {c}'s are in {w}",
                          "how many times is {c} in {w}", "count the letter {c} in {w}"],
                    c=letter, w=word)  # fmt: skip
    marked, seen = [], 0
    for each in word:
        seen += each == letter
        marked.append(f"{each}{seen}" if each == letter else each)
    made = call("count_letters", word=word, letter=letter)
    return Item(text, made, f"The letter {letter.upper()} is in {word} {times}.",
                steps=(" ".join(marked),))  # fmt: skip
