"""The neural family's front end and its packed shards; the model itself is not needed here."""

import json
from pathlib import Path

import numpy as np
import pytest

from aloud_nano import neural
from aloud_nano.neural import GAP, TOKENS, mixture, pack, spelt_for_kokoro


def test_two_letters_of_espeak_become_one_of_kokoro() -> None:
    assert spelt_for_kokoro("tʃˈeɪndʒ") == "ʧˈAnʤ"
    assert spelt_for_kokoro("bˈɜːd") == "bˈɜɹd"


def test_a_mixture_of_voices_lies_between_them_or_a_little_beyond() -> None:
    one, other = np.zeros(4, np.float32), np.ones(4, np.float32)
    assert np.all(mixture(one, other, 0.0) == one)
    assert np.all(mixture(one, other, 1.0) == other)
    assert np.allclose(mixture(one, other, 1.25), 1.25)


def test_packing_keeps_entries_and_drops_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken: list[np.ndarray] = []
    monkeypatch.setattr(neural, "write_wave", lambda path, signal: spoken.append(signal))
    monkeypatch.setattr(neural.subprocess, "run", lambda *args, **kwargs: None)
    entries = [
        {"text": text, "offset": offset, "samples": 100} | {key: [1] for key in TOKENS}
        for text, offset in (("yes", 0), ("no", 100))
    ]
    (tmp_path / "shard_90000.json").write_text(json.dumps(entries))
    np.full(200, 3276, np.int16).tofile(tmp_path / "shard_90000.i16")
    assert pack(tmp_path, tmp_path / "neural") == 2
    index = json.loads((tmp_path / "neural.json").read_text())
    assert [entry["offset"] for entry in index] == [0, 100 + GAP]
    assert not set(TOKENS) & index[0].keys()
    assert len(spoken[0]) == 2 * (100 + GAP) and abs(spoken[0][100]) == 0
