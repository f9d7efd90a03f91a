"""Who speaks, where a set of recordings does not say: clusters of speaker embeddings.

The embedding is Resemblyzer's GE2E network (Apache-2.0; PyPI ``Resemblyzer`` 0.1.4, whose wheel
holds ``pretrained.pt``). Clusters keep one person's clips on one side of the split; a person in
two clusters would be a leak, so the threshold is low enough to merge rather than to part.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aloud_nano.audio import Signal
from aloud_nano.config import SAMPLE_RATE

WEIGHTS_HASH = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
_WINDOW, _HOP, _MELS = 400, 160, 40
_PARTIAL, _STEP = 160, 60  # frames of one look, and between looks
_LEVEL = -30.0  # dBFS

Embedding = NDArray[np.float32]


def mel_filters() -> NDArray[np.float64]:
    """Slaney's mel scale and area normalisation, as librosa's default: [40, 201]."""

    def to_mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        above = 15 + np.log(np.maximum(hertz, 1e-9) / 1000) * 27 / np.log(6.4)
        return np.where(hertz < 1000, hertz * 3 / 200, above)

    def to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))

    top = to_mel(np.array([SAMPLE_RATE / 2]))[0]
    edges = to_hertz(np.linspace(0, top, _MELS + 2))
    bins = np.arange(_WINDOW // 2 + 1) * SAMPLE_RATE / _WINDOW
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]


def spectrogram(signal: Signal) -> NDArray[np.float32]:
    """Mel power, not logarithmic: [frames, 40]."""
    level = 10 * np.log10(np.square(signal).mean() + 1e-12)
    signal = signal * 10 ** (max(0.0, _LEVEL - level) / 20)
    padded = np.pad(signal, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    return (power @ mel_filters().T).astype(np.float32)


class Voices:
    """The embedding network."""

    def __init__(self, weights: Path) -> None:
        import torch

        if hashlib.sha256(weights.read_bytes()).hexdigest() != WEIGHTS_HASH:
            raise ValueError(f"{weights} is not Resemblyzer 0.1.4's pretrained.pt")
        state = torch.load(weights, map_location="cpu", weights_only=False)["model_state"]
        self._torch = torch
        self._lstm = torch.nn.LSTM(_MELS, 256, 3, batch_first=True)
        self._linear = torch.nn.Linear(256, 256)
        for name, module in (("lstm", self._lstm), ("linear", self._linear)):
            prefix = f"{name}."
            module.load_state_dict(
                {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            )

    def embed(self, signal: Signal) -> Embedding:
        """Unit length: the mean over looks of 1.6 s."""
        torch = self._torch
        mel = spectrogram(signal)
        mel = np.pad(mel, ((0, max(0, _PARTIAL - len(mel))), (0, 0)))
        looks = np.stack([mel[s : s + _PARTIAL] for s in range(0, len(mel) - _PARTIAL + 1, _STEP)])
        with torch.inference_mode():
            _, (hidden, _) = self._lstm(torch.from_numpy(looks))
            made = torch.relu(self._linear(hidden[-1]))
            made = torch.nn.functional.normalize(made, dim=1).mean(0)
        return torch.nn.functional.normalize(made, dim=0).numpy()


def cluster(embeddings: NDArray[np.float32], similarity: float) -> list[int]:
    """Groups whose mean similarity (cosine) is above ``similarity``, numbered from 1."""
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(embeddings, "average", metric="cosine")
    return [int(group) for group in fcluster(tree, 1 - similarity, "distance")]
