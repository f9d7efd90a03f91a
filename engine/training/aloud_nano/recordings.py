"""Real recordings: measured labels, transcripts where there were none, and a fixed split.

Usage: python -m aloud_nano.recordings RECORDINGS_DIRECTORY OUTPUT_DIRECTORY [--whisper MODEL_DIR]

Writes recordings.i16 (16 kHz PCM) and recordings.json: for every clip set, split, text, pitch,
rate, call and answer. Orders come with slots but no words: a full-context Whisper transcribes
them, and a transcript is kept only when every slot value occurs in it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from aloud_nano.audio import Signal, median_pitch, read_opus
from aloud_nano.config import SAMPLE_RATE
from aloud_nano.grammar.social import order
from aloud_nano.grammar.sound import REFUSAL
from aloud_nano.opentext import spoken_form

SPEECH_SETS = ("read-sentences", "coffee-orders", "wake-words", "single-words")
SOUND_NAMES = {
    "dog bark": "dog", "rain": "rain", "sea waves": "sea", "baby cry": "baby",
    "clock tick": "clock", "person sneeze": "sneeze", "helicopter": "helicopter",
    "chainsaw": "chainsaw", "rooster": "rooster", "fire crackling": "fire",
}  # fmt: skip
TEST_FOLD = 4  # of ESC-10's folds 1–4
_SLOTS = ("coffeeDrink", "size", "roast", "numberOfShots", "milkAmount", "sugarAmount")
_WHISPER_PROMPT = (
    "Can I get a small light roast americano? A double shot espresso with a little bit of soy milk "
    "and a lot of brown sugar. Twelve ounce iced mocha. Drip coffee, house coffee, cappuccino."
)


def split_of_clip(clip: dict[str, Any]) -> str:
    """Speakers stay on one side where they are known; otherwise clips are split by hash."""
    key = clip.get("spk") or spoken_form(clip.get("text", "")) or clip.get("id", "")
    if "text" in clip and "spk" not in clip and "id" not in clip:  # wake words: few texts
        key = f"{clip['text']}{clip['off']}"
    bucket = int(hashlib.sha256(str(key).encode()).hexdigest()[:8], 16) % 8
    return "test" if bucket == 0 else "train"


def normalise_transcript(text: str) -> str:
    numbers = {"8": "eight", "12": "twelve", "16": "sixteen", "20": "twenty"}
    text = re.sub(r'(?<=\w)"(?=\w)', "'", text)  # Whisper's I"d
    text = re.sub(r"\b(8|12|16|20)\b", lambda match: numbers[match.group()], text)
    text = re.sub(r"\boz\b\.?", "ounce", text)
    text = re.sub(r"[^a-z' ]", " ", spoken_form(text))
    text = re.sub(r" +", " ", text).strip()
    return text.replace("decaf ", "")


def loops(text: str) -> bool:
    """Whisper on short audio sometimes repeats a phrase: three words that occur twice."""
    words = text.split()
    triples = [" ".join(words[i : i + 3]) for i in range(len(words) - 2)]
    return len(triples) != len(set(triples))


def accept(text: str, slots: dict[str, str]) -> bool:
    return bool(text) and not loops(text) and all(value in text for value in slots.values())


def transcribe(clips: list[Signal], whisper: Path) -> list[str]:
    from faster_whisper import WhisperModel

    model = WhisperModel(str(whisper), device="cpu", compute_type="int8", cpu_threads=1)
    texts = []
    for clip in clips:
        segments, _ = model.transcribe(
            clip, language="en", beam_size=2, initial_prompt=_WHISPER_PROMPT,
            condition_on_previous_text=False, without_timestamps=True,
        )  # fmt: skip
        texts.append(" ".join(segment.text.strip() for segment in segments))
    return texts


def label(clip: dict[str, Any], signal: Signal, text: str) -> dict[str, Any]:
    """What training needs to know of one spoken clip."""
    if "slots" in clip:
        call, answer = order(*(clip["slots"].get(name, "") for name in _SLOTS))
        intent = "coffee"
    else:
        call, answer, intent = "unknown()", REFUSAL, "open"
    return {
        "text": text, "call": call, "answer": answer, "intent": intent,
        "pitch": round(median_pitch(signal), 1),
        "rate": round(len(text) / (len(signal) / SAMPLE_RATE), 2),
    }  # fmt: skip


def write_audio(recordings: Path, output: Path) -> None:
    """recordings.i16 alone, in the order of an existing recordings.json."""
    pieces = []
    for name in (*SPEECH_SETS, "sounds"):
        signal = read_opus(recordings / f"{name}.opus")
        for clip in json.loads((recordings / f"{name}.json").read_text()):
            cut = signal[clip["off"] : clip["off"] + clip["n"]]
            pieces.append((np.clip(cut, -1, 1) * 32767).astype(np.int16))
    np.concatenate(pieces).tofile(output / "recordings.i16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--whisper", type=Path, help="CTranslate2 model directory")
    parser.add_argument("--audio-only", action="store_true", help="labels exist: write only PCM")
    args = parser.parse_args()
    if args.audio_only:
        write_audio(args.recordings, args.output)
        return
    index: list[dict[str, Any]] = []
    pieces: list[np.ndarray] = []
    position = 0
    for name in (*SPEECH_SETS, "sounds"):
        signal = read_opus(args.recordings / f"{name}.opus")
        clips = json.loads((args.recordings / f"{name}.json").read_text())
        cuts = [signal[c["off"] : c["off"] + c["n"]] for c in clips]
        texts = [normalise_transcript(c.get("text", "")) for c in clips]
        if name == "coffee-orders":
            texts = [normalise_transcript(t) for t in transcribe(cuts, args.whisper)]
        for clip, cut, text in zip(clips, cuts, texts, strict=True):
            entry = {"set": name, "offset": position, "samples": len(cut)}
            if name == "sounds":
                split = "test" if clip["fold"] == TEST_FOLD else "train"
                entry |= {"sound": SOUND_NAMES[clip["cls"]], "split": split}
            else:
                good = bool(text) if "slots" not in clip else accept(text, clip["slots"])
                entry |= {"split": split_of_clip(clip), "transcribed": good}
                entry |= label(clip, cut, text if good else "")
            index.append(entry)
            pieces.append((np.clip(cut, -1, 1) * 32767).astype(np.int16))
            position += len(cut)
        kept = sum(e.get("transcribed", True) for e in index if e["set"] == name)
        print(f"{name}: {len(clips)} clips, {kept} with words", flush=True)
    np.concatenate(pieces).tofile(args.output / "recordings.i16")
    (args.output / "recordings.json").write_text(json.dumps(index))


if __name__ == "__main__":
    main()
