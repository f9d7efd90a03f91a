"""What a loader process draws from."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from aloud_nano.batch import BatchShape
from aloud_nano.loader import LoaderSetup, Mix, TurnSource
from aloud_nano.scene import BankIndex
from aloud_nano.tokens import train_hearing_pieces

TOKENIZER = Path(__file__).resolve().parents[2] / "models" / "nano" / "tokenizer.json"
TEXT = "set a timer"


def source(directory: Path, **mix: float) -> TurnSource:
    hearing, text = directory / "hearing.json", directory / "text.json"
    train_hearing_pieces([TEXT] * 20).save(str(hearing))
    text.write_text(json.dumps({"sentences": ["the cat sat"], "words": ["cat"]}))
    bank = BankIndex(["beeps"], [3], [20_000])
    setup = LoaderSetup(TOKENIZER, hearing, text, bank, BatchShape(), [], Mix(**mix))
    return TurnSource(setup, seed=1)


def shard(directory: Path, engine: str, **more: object) -> Path:
    entry = {
        "text": TEXT, "call": "set_timer(duration=1m)", "answer": "Timer set.", "intent": "timer",
        "question": None, "steps": [], "offset": 0, "samples": 32_000, "follows": False,
        "engine": engine, "voice": engine, "pitch": 120.0, "rate": 14.0, "whispered": False,
    }  # fmt: skip
    path = directory / f"shard_{engine}.json"
    path.write_text(json.dumps([entry | more]))
    return path


def engines(turns: TurnSource, draws: int = 400) -> list[str]:
    rng = random.Random(2)
    return [turns._speech(rng, is_first=True)[0]["engine"] for _ in range(draws)]


def test_neural_voices_are_drawn_by_their_share_however_few_there_are(tmp_path: Path) -> None:
    turns = source(tmp_path, neural=0.4)
    turns.add_shard(shard(tmp_path, "kokoro"), 0)
    for _ in range(20):
        turns.add_shard(shard(tmp_path, "flite"), 0)
    assert engines(turns).count("kokoro") / 400 == pytest.approx(0.4, abs=0.06)


def test_neural_voices_alone_are_enough_to_begin_with(tmp_path: Path) -> None:
    turns = source(tmp_path, neural=0.4)
    turns.add_shard(shard(tmp_path, "kokoro"), 0)
    assert set(engines(turns)) == {"kokoro"}


def test_pieces_of_recordings_take_their_share_of_the_recordings(tmp_path: Path) -> None:
    turns = source(tmp_path, real=1.0, spliced=0.3)
    turns.add_shard(shard(tmp_path, "people", finished=None), 0)
    recorded = json.loads(shard(tmp_path, "real").read_text())
    turns.real = [entry | turns.writer.stored(entry) for entry in recorded]
    assert engines(turns).count("people") / 400 == pytest.approx(0.3, abs=0.06)


def test_few_recordings_are_listened_to_but_not_learned_by_heart(tmp_path: Path) -> None:
    turns = source(tmp_path)
    turns.add_shard(shard(tmp_path, "flite"), 0)
    entry = turns.synthetic[0][0]
    entry |= turns.writer.stored(entry)
    rng = random.Random(3)

    def learned(voice: str) -> float:
        pieces = [turns._spoken(rng, entry | {"voice": voice}) for _ in range(300)]
        scenes = [scene for piece in pieces for _, scene in piece if scene is not None]
        whole = [scene for scene in scenes if scene.finished]
        assert all(scene.ctc and not scene.silent_labels for scene in whole)  # the live transcript
        kept = [s for s in whole if s.turn.labels != s.turn.unlabelled().labels]
        return len(kept) / len(whole)

    assert learned("read-sentences") == pytest.approx(0.05, abs=0.04)
    assert learned("coffee-orders") == 1.0


def test_what_is_held_out_is_not_trained_on(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of the test split: not to be trained on"):
        source(tmp_path).add_shard(shard(tmp_path, "kokoro", split="test"), 0)
