"""Collect redistributable English sentences and words for the open-vocabulary part.

Sources are Debian 12 packages, which need not be installed (``HASHES`` says which versions):

    apt-get download wordnet-base fortunes fortunes-min wamerican trans-de-en \\
        r-cran-janeaustenr r-cran-stringr sword-text-web

| package | what is taken | licence |
| --- | --- | --- |
| wordnet-base 3.0 | examples and glosses | WordNet licence |
| r-cran-janeaustenr 1.0.0 | six novels, many of their lines spoken | public domain |
| sword-text-web 426.0 | the World English Bible (modern words) | public domain |
| r-cran-stringr 1.5.0 | the Harvard sentences | public domain |
| trans-de-en 1.9 | the English half of a phrase dictionary | GPL-2+ |
| fortunes, fortunes-min 1.99.1 | quotations | mixed |
| wamerican 2020.12.07 | single words (SCOWL) | public domain |

The sentences are said by synthesisers to make training speech; none is shipped. A sentence that
shares five words in a row with a sentence of ``--exclude`` is left out, and so is what could be
a command of nano's own grammar, which must never be answered as unknown.

Usage: python -m aloud_nano.opentext OUTPUT.json --packages DEBS --exclude INDEX.json …
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import struct
import subprocess
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

HASHES = {
    "wordnet-base": "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
    "fortunes": "41d0551dc0ff52f875a2ecef7c39da2f672ab468c37e170119f7e0245a9d63c5",
    "fortunes-min": "9eed5b45064e41133dae0967cf3a17588ad77c014fcc7bf1527fa3ea48e44d07",
    "wamerican": "c8f8e2b2ad0d37bfdd41f0e40f1e4c8e5f907467d768a1d3698b164e9617f0b4",
    "trans-de-en": "45f6b4cf1c434776fba6811d7bc522efabb5425c43ba8afd0e289bf9e2e53df4",
    "r-cran-janeaustenr": "df6bddf211906d1ff404f8ff662c21b34e6660e7f54a311084e749050c019c95",
    "r-cran-stringr": "f180d2e5f79b4aab871425898399d3bebbd6993262e692e166638a720879990e",
    "sword-text-web": "930b23670b352f0829a306501de4bebb5e654a2df02cde2cbe86b802177868e1",
}
_ALLOWED = re.compile(r"[a-z' ]{8,115}")
_SKIPPED_FORTUNES = ("ascii", "translate", "perl", "zippy", "drugs", "definitions", "knghtbrd")
_END_OF_SENTENCE = re.compile(r"(?<=[a-z]{2}[.!?;:])[\"'”’]* +|--|[\"“”()\[\]]")
_OWN_DOMAIN = re.compile(
    r"(please )?(set|turn|switch|dim|play|pause|stop|cancel|call|phone|text|remind|add|put|skip"
    r"|spell|open|lock|unlock|start|wake|count|convert|repeat|say|go back|what (is|are|day|time)"
    r"|what's|how (many|much|long)|is my|am i|do you hear|can you hear|tell me|hello|hi|yes|no)\b"
)
SHARED_WORDS = 5
SHORTEST, LONGEST = 2, 18  # words


def spoken_form(text: str) -> str:
    """Lower case, apostrophes kept, punctuation gone."""
    text = text.lower().replace("’", "'").replace("‘", "'")
    text = re.sub(r'["“”]', "", text)
    text = re.sub(r"[,():;_/–—-]", " ", text)
    return re.sub(r" +", " ", text).strip(" '.!?")


def runs(sentence: str) -> Iterator[str]:
    """Every run of ``SHARED_WORDS`` words; a shorter sentence is its only run."""
    words = sentence.split()
    for start in range(max(1, len(words) - SHARED_WORDS + 1)):
        yield " ".join(words[start : start + SHARED_WORDS])


def split_prose(text: str) -> list[str]:
    """Running text into sentences and quoted speech."""
    return [piece for piece in _END_OF_SENTENCE.split(re.sub(r"\s+", " ", text)) if piece]


def unpack(packages: Path, root: Path) -> None:
    """The packages' files under ``root``; another version of one is an error."""
    for name, expected in HASHES.items():
        file = next(packages.glob(f"{name}_*.deb"), None)
        if file is None:
            raise FileNotFoundError(f"no package {name} in {packages}")
        if hashlib.sha256(file.read_bytes()).hexdigest() != expected:
            raise ValueError(f"{file.name} is not the version that this was written for")
        subprocess.run(["dpkg-deb", "-x", str(file), str(root)], check=True)


def wordnet(root: Path) -> tuple[list[str], list[str]]:
    """Example sentences, and definitions."""
    examples: list[str] = []
    definitions: list[str] = []
    for path in sorted(root.glob("usr/share/wordnet/data.*")):
        for line in path.read_text(encoding="utf-8", errors="ignore").splitlines():
            if "|" not in line:
                continue
            gloss = line.split("|", 1)[1].strip()
            examples += re.findall(r'"([^"]+)"', gloss)
            plain = re.sub(r'"[^"]*"', "", gloss).split(";")[0]
            definitions.append(re.sub(r"\([^)]*\)", "", plain))
    return examples, definitions


def fortunes(root: Path) -> Iterator[str]:
    for path in sorted(root.glob("usr/share/games/fortunes/*.u8")):
        if any(skipped in path.name for skipped in _SKIPPED_FORTUNES):
            continue
        for entry in path.read_text(encoding="utf-8", errors="ignore").split("\n%\n"):
            body = re.sub(r"\s+", " ", entry).split("--")[0]
            yield from re.split(r"[.!?;:]", body)


def r_strings(path: Path) -> list[str]:
    """The strings of an R database: chunks of a length and a zlib stream, XDR inside."""
    data = path.read_bytes()
    found: list[str] = []
    position = 0
    while position + 4 < len(data):
        stream = zlib.decompressobj()
        chunk = stream.decompress(data[position + 4 :])
        position = len(data) - len(stream.unused_data)
        for start in re.finditer(rb"\x00[\x04\x00]\x00\x09(?=\x00)", chunk):
            size = struct.unpack_from(">i", chunk, start.end())[0]
            text = chunk[start.end() + 4 : start.end() + 4 + size]
            found.append(text.decode("utf-8", errors="ignore"))
    return found


def novels(root: Path) -> list[str]:
    """Jane Austen, line by line in the package; a paragraph ends at an empty line."""
    path = root / "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
    lines = [re.sub(r"\b(Mr|Mrs|Dr|St)\.", r"\1", line) for line in r_strings(path)]
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines))
    return [sentence for paragraph in paragraphs for sentence in split_prose(paragraph)]


def harvard(root: Path) -> list[str]:
    found = r_strings(root / "usr/lib/R/site-library/stringr/data/Rdata.rdb")
    return [text for text in found if text.endswith(".") and " " in text]


def bible(root: Path) -> Iterator[str]:
    """The World English Bible in SWORD's zText form: zlib blocks, verses one a line."""
    for blocks in sorted(root.glob("usr/share/sword/modules/texts/ztext/*/*.bzs")):
        data, index = blocks.with_suffix(".bzz").read_bytes(), blocks.read_bytes()
        for start, size, _ in struct.iter_unpack("<III", index):
            text = zlib.decompress(data[start : start + size]).decode("utf-8", errors="ignore")
            text = re.sub(r"<note.*?</note>|<title.*?</title>", " ", text, flags=re.DOTALL)
            yield from split_prose(re.sub(r"<[^>]*>", " ", text))


def phrases(root: Path) -> tuple[list[str], list[str]]:
    """Whole sentences, and phrases of four words or more, of the dictionary's English side."""
    sentences: list[str] = []
    rest: list[str] = []
    text = (root / "usr/share/trans/de-en").read_text(encoding="utf-8", errors="ignore")
    for line in text.splitlines():
        if line.startswith("#") or "::" not in line:
            continue
        english = re.sub(r"\([^)]*\)|\[[^]]*\]|\{[^}]*\}|<[^>]*>", " ", line.split("::")[1])
        for piece in map(str.strip, re.split(r"[|;]", english)):
            if re.search(r"[^.][.!?]['\"]?$", piece) and piece[:1].isupper():
                sentences.append(piece)
            elif piece.count(" ") >= 3 and not re.search(r"/|\b(sb|sth|sth's|sb's|etc)\b", piece):
                rest.append(piece)
    return sentences, rest


def usable(sentences: Iterable[str], excluded: frozenset[str]) -> list[str]:
    """Distinct plain sentences in spoken form, in order, that share nothing with ``excluded``."""
    kept: dict[str, None] = {}
    for sentence in map(spoken_form, sentences):
        if not SHORTEST <= len(sentence.split()) <= LONGEST or not _ALLOWED.fullmatch(sentence):
            continue
        if _OWN_DOMAIN.match(sentence) or any(run in excluded for run in runs(sentence)):
            continue
        if not re.search(r"\b[b-hj-z]\b", sentence.replace("'", "")):  # initials, list marks
            kept[sentence] = None
    return list(kept)


def collect(root: Path, excluded: frozenset[str]) -> dict[str, list[str]]:
    """Sentences by source."""
    examples, definitions = wordnet(root)
    spoken, fragments = phrases(root)
    found = {
        "examples": examples, "definitions": definitions, "fortunes": list(fortunes(root)),
        "novels": novels(root), "harvard": harvard(root), "bible": list(bible(root)),
        "spoken phrases": spoken, "fragments": fragments,
    }  # fmt: skip
    missing = [name for name, sentences in found.items() if not sentences]
    if missing:
        raise FileNotFoundError(f"nothing of {', '.join(missing)} under {root}")
    return {name: usable(sentences, excluded) for name, sentences in found.items()}


# Of the sources that sound least like talk, how many sentences at most.
LIMITS = {"definitions": 70_000, "bible": 25_000, "fragments": 60_000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--packages", type=Path, required=True, help="directory of .deb files")
    parser.add_argument("--exclude", type=Path, nargs="+", default=[], help="indices of test clips")
    args = parser.parse_args()
    clips = (clip for index in args.exclude for clip in json.loads(index.read_text()))
    excluded = frozenset(run for clip in clips for run in runs(spoken_form(clip["text"])))
    with tempfile.TemporaryDirectory() as scratch:
        unpack(args.packages, Path(scratch))
        found = collect(Path(scratch), excluded)
        listed = (Path(scratch) / "usr/share/dict/american-english").read_text().split()
    rng = random.Random(3)
    merged: dict[str, None] = {}
    for name, source in found.items():
        if name in LIMITS:
            rng.shuffle(source)
        merged |= dict.fromkeys(source[: LIMITS.get(name)])
        print(f"{name}: {len(source)}, {len(merged)} in all")
    sentences = list(merged)
    rng.shuffle(sentences)
    seen = Counter(word for sentence in sentences for word in sentence.split())
    common = [w for w, n in seen.items() if n >= 3 and len(w) > 2 and "'" not in w]
    words = common * 3 + [w for w in listed if re.fullmatch(r"[a-z]{3,11}", w)]
    rng.shuffle(words)
    args.output.write_text(json.dumps({"sentences": sentences, "words": words[:90_000]}))
    print(f"{len(sentences)} sentences, {len(words)} words → {args.output}")


if __name__ == "__main__":
    main()
