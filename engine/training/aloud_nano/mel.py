"""Log-mel features: Whisper's filter bank, made causal and free of per-clip statistics."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aloud_nano.config import (
    HOP,
    LEFT_ZEROS,
    MEL_FLOOR,
    MEL_OFFSET,
    MEL_SCALE,
    N_FFT,
    N_MELS,
    SAMPLE_RATE,
    WARPS,
)


def _hz_to_mel(hz: Tensor) -> Tensor:
    """Slaney's scale: linear below 1 kHz, logarithmic above."""
    log_part = 15.0 + torch.log(hz.clamp(min=1e-5) / 1000.0) / (math.log(6.4) / 27.0)
    return torch.where(hz < 1000.0, hz * 3.0 / 200.0, log_part)


def _mel_to_hz(mel: Tensor) -> Tensor:
    log_part = 1000.0 * torch.exp((mel - 15.0) * (math.log(6.4) / 27.0))
    return torch.where(mel < 15.0, mel * 200.0 / 3.0, log_part)


def mel_filters() -> Tensor:
    """Area-normalised triangular filters, [80 mels, 201 FFT bins], as in librosa and Whisper."""
    top = _hz_to_mel(torch.tensor(SAMPLE_RATE / 2.0))
    edges = _mel_to_hz(torch.linspace(0.0, float(top), N_MELS + 2))
    bins = torch.linspace(0.0, SAMPLE_RATE / 2.0, N_FFT // 2 + 1)
    rising = (bins[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins[None]) / (edges[2:] - edges[1:-1])[:, None]
    triangles = torch.minimum(rising, falling).clamp(min=0.0)
    return triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]


def _warp_filters(filters: Tensor, factor: float) -> Tensor:
    """Read the filters at ``factor`` times the frequency, linear interpolation."""
    last = filters.shape[1] - 1
    target = torch.arange(last + 1) * factor
    low = target.floor().long().clamp(0, last - 1)
    fraction = (target - low).clamp(0.0, 1.0)
    warped = filters[:, low] * (1 - fraction) + filters[:, (low + 1).clamp(max=last)] * fraction
    warped[:, target > last] = 0.0
    return warped


class LogMel(nn.Module):
    """Samples [B, N] in -1…1 → features [B, 80, N // 160].

    Frame t covers samples 160t-240 … 160t+160 (zeros before the first sample), so a frame
    is complete as soon as its hop is. Values are (log10(power + 1e-8) + 4) / 4.
    """

    filters: Tensor
    warped: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        filters = mel_filters()
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer(
            "warped", torch.stack([_warp_filters(filters, w) for w in WARPS]), persistent=False
        )
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)

    def forward(self, samples: Tensor, warp: Tensor | None = None) -> Tensor:
        """``warp``: optional [B] indices into WARPS."""
        padded = F.pad(samples, (LEFT_ZEROS, 0))
        spectrum = torch.stft(
            padded, N_FFT, HOP, N_FFT, self.window, center=False, return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()
        mel = self.filters @ power if warp is None else torch.bmm(self.warped[warp], power)
        return (torch.log10(mel + MEL_FLOOR) + MEL_OFFSET) / MEL_SCALE
