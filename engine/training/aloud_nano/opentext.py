"""Collect redistributable English sentences and words for the open-vocabulary part.

Sources are Debian packages: wordnet-base (examples and glosses; WordNet licence), fortunes
(quotations; used to synthesise speech, not shipped), wamerican (SCOWL, public domain).

Usage: python -m aloud_nano.opentext OUTPUT.json [--exclude read-sentences.json]
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from pathlib import Path

_ALLOWED = re.compile(r"[a-z' ]{8,115}")
_SKIPPED_FORTUNES = ("ascii", "translate", "perl", "zippy", "drugs", "definitions", "knghtbrd")


def spoken_form(text: str) -> str:
    """Lower case, apostrophes kept, punctuation gone."""
    text = text.lower().replace("’", "'").replace("‘", "'")
    text = re.sub(r'["“”]', "", text)
    text = re.sub(r"[,():;_–—-]", " ", text)
    return re.sub(r" +", " ", text).strip(" '.!?")


def sentences_of(path: Path) -> tuple[list[str], list[str]]:
    """Natural sentences and (WordNet) definitions of one source file, in spoken form."""
    definitions: list[str] = []
    text = path.read_text(encoding="utf-8", errors="ignore")
    if path.name.startswith("data."):
        found = []
        for line in text.splitlines():
            if "|" not in line:
                continue
            gloss = line.split("|", 1)[1].strip()
            found += re.findall(r'"([^"]+)"', gloss)
            plain = re.sub(r'"[^"]*"', "", gloss).split(";")[0]
            definitions.append(re.sub(r"\([^)]*\)", "", plain))
    else:
        found = []
        for entry in text.split("\n%\n"):
            body = re.sub(r"\s+", " ", entry).split("--")[0]
            found += re.split(r"[.!?;:]", body)
    return [spoken_form(s) for s in found], [spoken_form(s) for s in definitions]


def collect(wordnet: Path, fortunes: Path, excluded: set[str]) -> tuple[list[str], list[str]]:
    """Distinct natural sentences and definitions that are short, plain and not excluded."""
    files = sorted(wordnet.glob("data.*")) + sorted(
        f for f in fortunes.glob("*.u8") if not any(s in f.name for s in _SKIPPED_FORTUNES)
    )
    if not files:
        raise FileNotFoundError(f"no WordNet or fortune files under {wordnet} and {fortunes}")

    def usable(sentence: str) -> bool:
        plain = _ALLOWED.fullmatch(sentence) is not None and sentence not in excluded
        return plain and 2 <= len(sentence.split()) <= 18

    natural: dict[str, None] = {}
    definitions: dict[str, None] = {}
    for file in files:
        for found, kept in zip(sentences_of(file), (natural, definitions), strict=True):
            kept.update(dict.fromkeys(filter(usable, found)))
    return list(natural), list(definitions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--fortunes", type=Path, default=Path("/usr/share/games/fortunes"))
    parser.add_argument("--words", type=Path, default=Path("/usr/share/dict/american-english"))
    parser.add_argument("--exclude", type=Path, help="index of read sentences kept for testing")
    parser.add_argument("--definitions", type=int, default=25_000)
    args = parser.parse_args()
    excluded: set[str] = set()
    if args.exclude:
        excluded = {spoken_form(clip["text"]) for clip in json.loads(args.exclude.read_text())}
    rng = random.Random(3)
    sentences, definitions = collect(args.wordnet, args.fortunes, excluded)
    rng.shuffle(definitions)
    sentences += definitions[: args.definitions]
    rng.shuffle(sentences)
    seen = Counter(word for sentence in sentences for word in sentence.split())
    common = [w for w, n in seen.items() if n >= 3 and len(w) > 2 and "'" not in w]
    listed = [w for w in args.words.read_text().split() if re.fullmatch(r"[a-z]{3,11}", w)]
    words = common * 3 + listed
    rng.shuffle(words)
    args.output.write_text(json.dumps({"sentences": sentences, "words": words[:90_000]}))
    print(f"{len(sentences)} sentences, {len(words)} words → {args.output}")


if __name__ == "__main__":
    main()
