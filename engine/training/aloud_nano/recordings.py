"""Real recordings: measured labels, transcripts where there were none, and a fixed split.

    python -m aloud_nano.recordings label RECORDINGS ../labels/recordings.json \\
        --whisper WHISPER_BASE --voices pretrained.pt     # slow: 20 min of one core
    python -m aloud_nano.recordings write RECORDINGS OUTPUT

``label`` is done once and its result is committed: pitch of every clip, words of the orders
(a full-context Whisper hears them; kept only where every slot value occurs in what it wrote),
and who speaks where a set does not say (clusters of voices, ``speakers``). ``write`` needs a
second: recordings.i16 (16 kHz PCM) and recordings.json with set, split, text, pitch, rate,
call and answer of every clip, the last two from the grammar as it is now.

The split never parts a speaker: the clips of one person, known or clustered, are all on one
side. Read sentences have a single reader, so there the sentences are parted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from aloud_nano.audio import Signal, median_pitch, read_opus
from aloud_nano.config import SAMPLE_RATE
from aloud_nano.opentext import spoken_form

SPEECH_SETS = ("read-sentences", "coffee-orders", "wake-words", "single-words")
CLUSTERED = ("coffee-orders", "wake-words")  # speakers not named by the set
SAME_SPEAKER = 0.7  # mean cosine similarity within a cluster
TEST_SHARE = 1 / 9
LOW_VOICE = 165.0  # Hz
LOWEST_PITCH, HIGHEST_PITCH = 70.0, 400.0  # Hz; children's voices reach 400
SOUND_NAMES = {
    "dog bark": "dog", "rain": "rain", "sea waves": "sea", "baby cry": "baby",
    "clock tick": "clock", "person sneeze": "sneeze", "helicopter": "helicopter",
    "chainsaw": "chainsaw", "rooster": "rooster", "fire crackling": "fire",
}  # fmt: skip
TEST_FOLD = 4  # of ESC-10's folds 1–4
LABELS = Path(__file__).parent.parent / "labels" / "recordings.json"
_SLOTS = ("coffeeDrink", "size", "roast", "numberOfShots", "milkAmount", "sugarAmount")
_WHISPER_PROMPT = (
    "Can I get a small light roast americano? A double shot espresso with a little bit of soy milk "
    "and a lot of brown sugar. Twelve ounce iced mocha. Drip coffee, house coffee, cappuccino."
)

Clip = dict[str, Any]
Labels = dict[str, dict[str, list[Any]]]


def test_groups(groups: list[str], share: float) -> set[str]:
    """Whole groups, in an order that only their names give, until ``share`` of all is reached."""
    sizes = Counter(groups)
    chosen: set[str] = set()
    for group in sorted(sizes, key=lambda name: hashlib.sha256(name.encode()).hexdigest()):
        if sum(sizes[name] for name in chosen) >= share * len(groups):
            break
        chosen.add(group)
    return chosen


def test_clusters(labels: Labels) -> set[str]:
    """Test speakers of the clustered sets, low and high voices alike."""
    pitches: dict[str, list[float]] = {}
    for name in CLUSTERED:
        for cluster, pitch in zip(labels[name]["speaker"], labels[name]["pitch"], strict=True):
            pitches.setdefault(f"cluster {cluster}", []).append(pitch)
    low = {name for name, measured in pitches.items() if np.median(measured) < LOW_VOICE}
    test: set[str] = set()
    for name in CLUSTERED:
        speakers = [f"cluster {cluster}" for cluster in labels[name]["speaker"]]
        for half in (low, pitches.keys() - low):
            test |= test_groups([s for s in speakers if s in half], TEST_SHARE)
    return test


def speaker_of(name: str, clip: Clip, cluster: int) -> str:
    """Clips of one group stay together. Of the single reader every sentence is a group."""
    if name in CLUSTERED:
        return f"cluster {cluster}"
    return str(clip.get("spk") or spoken_form(clip["text"]))


def normalise_transcript(text: str) -> str:
    numbers = {"8": "eight", "12": "twelve", "16": "sixteen", "20": "twenty"}
    text = re.sub(r'(?<=\w)"(?=\w)', "'", text)  # Whisper's I"d
    text = re.sub(r"\b(8|12|16|20)\b", lambda match: numbers[match.group()], text)
    text = re.sub(r"\boz\b\.?", "ounce", text)
    text = re.sub(r"(?i)\bice (?=mocha|coffee)", "iced ", text)
    text = re.sub(r"(?i)\bskin milk\b", "skim milk", text)
    text = re.sub(r"(?i)\b(light|medium|dark) rose\b", r"\1 roast", text)
    text = re.sub(r"[^a-z' ]", " ", spoken_form(text))
    text = re.sub(r" +", " ", text).strip()
    return text.replace("decaf ", "")


def loops(text: str) -> bool:
    """Whisper on short audio sometimes repeats a phrase: three words that occur twice, other
    than an amount."""
    words = re.sub(r"\ba (little bit|bit|lot) of\b", "some", text).split()
    triples = [" ".join(words[i : i + 3]) for i in range(len(words) - 2)]
    return len(triples) != len(set(triples))


def accept(text: str, slots: dict[str, str]) -> bool:
    return bool(text) and not loops(text) and all(value in text for value in slots.values())


def transcribe(clips: list[Signal], slots: list[dict[str, str]], whisper: Path) -> list[str]:
    """Words of the orders, "" where no attempt has every slot: with a prompt, without, with the
    slot values as hints. A hint can put words in that were not said, but not leave any out."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(whisper), device="cpu", compute_type="int8", cpu_threads=1)
    texts = []
    for clip, wanted in zip(clips, slots, strict=True):
        attempts: list[dict[str, Any]] = [
            {"beam_size": 2, "initial_prompt": _WHISPER_PROMPT}, {"beam_size": 5},
            {"beam_size": 5, "hotwords": ", ".join(wanted.values())},
        ]  # fmt: skip
        kept = ""
        for options in attempts:
            segments, _ = model.transcribe(
                clip, language="en", condition_on_previous_text=False, without_timestamps=True,
                **options,
            )  # fmt: skip
            text = normalise_transcript(" ".join(segment.text for segment in segments))
            if accept(text, wanted):
                kept = text
                break
        texts.append(kept)
    return texts


def read_set(recordings: Path, name: str) -> tuple[list[Clip], list[Signal]]:
    signal = read_opus(recordings / f"{name}.opus")
    clips = json.loads((recordings / f"{name}.json").read_text())
    return clips, [signal[clip["off"] : clip["off"] + clip["n"]] for clip in clips]


def test_speakers(recordings: Path, labels: Labels) -> set[str]:
    """The groups (``speaker_of``) of all sets that are kept for testing."""
    test = test_clusters(labels)
    for name in SPEECH_SETS:
        if name not in CLUSTERED:
            clips = json.loads((recordings / f"{name}.json").read_text())
            test |= test_groups([speaker_of(name, clip, 0) for clip in clips], TEST_SHARE)
    return test


def plausible_pitch(signal: Signal) -> float:
    """0.0 where the measurement ran into its limits, as it does on very short words."""
    pitch = median_pitch(signal)
    return round(pitch, 1) if LOWEST_PITCH < pitch < HIGHEST_PITCH else 0.0


def make_labels(recordings: Path, whisper: Path, voices: Path) -> Labels:
    """Everything that takes long, in the order of each set's index."""
    from aloud_nano.speakers import Voices, cluster

    labels: Labels = {}
    embedded: list[Any] = []
    embed = Voices(voices).embed
    for name in SPEECH_SETS:
        clips, cuts = read_set(recordings, name)
        labels[name] = {"pitch": [plausible_pitch(cut) for cut in cuts]}
        if name == "coffee-orders":
            labels[name]["text"] = transcribe(cuts, [clip["slots"] for clip in clips], whisper)
        if name in CLUSTERED:
            embedded += [embed(cut) for cut in cuts]
    groups = cluster(np.stack(embedded), SAME_SPEAKER)
    for name in CLUSTERED:  # together: the two sets may share people
        count = len(labels[name]["pitch"])
        labels[name]["speaker"], groups = groups[:count], groups[count:]
    return labels


def label(clip: Clip, text: str) -> dict[str, Any]:
    """What nano should make of one spoken clip."""
    from aloud_nano.grammar.social import order, refusal

    if "slots" in clip:
        call, answer = order(*(clip["slots"].get(name, "") for name in _SLOTS))
        return {"text": text, "call": call, "answer": answer, "intent": "coffee"}
    return {"text": text, "call": "unknown()", "answer": refusal(text), "intent": "open"}


def spoken_entries(
    name: str, clips: list[Clip], labels: dict[str, list[Any]], test: set[str]
) -> list[dict[str, Any]]:
    """Entries of one set. An order whose words are not known is of no use to training: its split
    is "test" or "unused"."""
    entries = []
    for number, clip in enumerate(clips):
        speaker = speaker_of(name, clip, labels.get("speaker", [0] * len(clips))[number])
        text = labels["text"][number] if "text" in labels else normalise_transcript(clip["text"])
        split = "test" if speaker in test else "train" if text else "unused"
        entries.append(
            {"set": name, "split": split, "transcribed": bool(text), "speaker": speaker}
            | label(clip, text)
            | {"pitch": labels["pitch"][number],
               "rate": round(len(text) / (clip["n"] / SAMPLE_RATE), 2)}
        )  # fmt: skip
    return entries


def write(recordings: Path, output: Path, labels: Labels) -> None:
    index: list[dict[str, Any]] = []
    pieces: list[np.ndarray] = []
    position = 0
    test = test_speakers(recordings, labels)
    for name in (*SPEECH_SETS, "sounds"):
        clips, cuts = read_set(recordings, name)
        if name == "sounds":
            entries = [
                {"set": name, "sound": SOUND_NAMES[clip["cls"]],
                 "split": "test" if clip["fold"] == TEST_FOLD else "train"}
                for clip in clips
            ]  # fmt: skip
        else:
            if len(labels[name]["pitch"]) != len(clips):
                raise ValueError(f"the labels of {name} are of another version of the set")
            entries = spoken_entries(name, clips, labels[name], test)
        for entry, cut in zip(entries, cuts, strict=True):
            index.append(entry | {"offset": position, "samples": len(cut)})
            pieces.append((np.clip(cut, -1, 1) * 32767).astype(np.int16))
            position += len(cut)
        print(f"{name}: {dict(Counter(entry['split'] for entry in entries))}", flush=True)
    output.mkdir(parents=True, exist_ok=True)
    np.concatenate(pieces).tofile(output / "recordings.i16")
    (output / "recordings.json").write_text(json.dumps(index))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    slow = commands.add_parser("label")
    slow.add_argument("recordings", type=Path)
    slow.add_argument("output", type=Path)
    slow.add_argument("--whisper", type=Path, required=True, help="CTranslate2 model directory")
    slow.add_argument("--voices", type=Path, required=True, help="Resemblyzer's pretrained.pt")
    fast = commands.add_parser("write")
    fast.add_argument("recordings", type=Path)
    fast.add_argument("output", type=Path)
    fast.add_argument("--labels", type=Path, default=LABELS)
    args = parser.parse_args()
    if args.command == "label":
        made = make_labels(args.recordings, args.whisper, args.voices)
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(json.dumps(made, separators=(",", ":")) + "\n")
    else:
        write(args.recordings, args.output, json.loads(args.labels.read_text()))


if __name__ == "__main__":
    main()
