"""Small signal tools on numpy arrays: resampling, trimming, pitch measurement, PCM files."""

from __future__ import annotations

import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from aloud_nano.config import SAMPLE_RATE

Signal = NDArray[np.float32]


def resample(signal: Signal, ratio: float) -> Signal:
    """Band-limited resampling by any ratio (output rate / input rate), via the FFT."""
    size = next_fast_len(len(signal) + 400)
    target = round(size * ratio)
    spectrum = rfft(np.pad(signal, (0, size - len(signal))))
    resized = np.zeros(target // 2 + 1, spectrum.dtype)
    shared = min(len(spectrum), len(resized))
    resized[:shared] = spectrum[:shared]
    output = irfft(resized, target) * (target / size)
    return output[: int(len(signal) * ratio)].astype(np.float32)


def trim(signal: Signal, keep: int = 480) -> Signal:
    """Drop leading and trailing 10 ms pieces 40 dB below the loudest one, but ``keep`` samples."""
    piece = 160
    count = len(signal) // piece
    if count < 8:
        return signal
    energy = np.square(signal[: count * piece].reshape(count, piece)).mean(1)
    loud = np.flatnonzero(energy > energy.max() * 1e-4)
    start, stop = loud[0] * piece - keep, (loud[-1] + 1) * piece + keep
    return signal[max(0, start) : min(len(signal), stop)]


def median_pitch(signal: Signal) -> float:
    """Median fundamental frequency in Hz over voiced frames, 0.0 where there are too few.

    Autocorrelation of 40 ms frames, first peak that reaches 0.9 of the highest.
    """
    window, hop = 640, 320
    count = (len(signal) - window) // hop
    if count < 4:
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(signal, window)[::hop][:count]
    frames = frames[:: 1 + len(frames) // 120]  # a median needs no more
    frames = frames - frames.mean(1, keepdims=True)
    energy = np.square(frames).mean(1)
    frames = frames[energy > energy.max() * 0.02]
    power = np.abs(np.fft.rfft(frames, 2048, axis=1)) ** 2
    correlation = np.fft.irfft(power, axis=1)[:, :window]
    taper = 1 - np.arange(window) / window * 0.9
    correlation = correlation / (correlation[:, :1] + 1e-9) / taper
    low, high = 36, 250  # 444 Hz … 64 Hz
    region = correlation[:, low:high]
    best = region.max(1)
    peaks = (
        (region > 0.9 * best[:, None])
        & (region >= np.roll(region, 1, 1))
        & (region >= np.roll(region, -1, 1))
    )
    lag = np.argmax(peaks, 1)
    voiced = best > 0.55
    if voiced.sum() < 3:
        return 0.0
    return float(SAMPLE_RATE / np.median(lag[voiced] + low))


def whispered(signal: Signal, rng: np.random.Generator, order: int = 18) -> Signal:
    """Speech without its voice: every frame's LPC envelope is excited by noise.

    As in real whispering the low end is weak and voiced sounds lose most of their energy.
    """
    window, hop, size = 512, 128, 1024
    shape = np.hanning(window + 1)[:window]
    padded = np.pad(signal, (window, window + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop] * shape
    power = np.abs(rfft(frames, size, axis=1)) ** 2
    correlation = irfft(power, size, axis=1)[:, : order + 1]
    correlation[:, 0] = correlation[:, 0] * 1.0003 + 1e-9
    filters, error = _levinson(correlation)
    envelope = np.sqrt(error)[:, None] / np.abs(rfft(filters, size, axis=1))
    frequency = np.arange(size // 2 + 1) * SAMPLE_RATE / size
    envelope = envelope * np.clip(frequency / rng.uniform(900, 1800), 0.08, 1)
    noise = rng.standard_normal(len(padded))
    carrier = np.lib.stride_tricks.sliding_window_view(noise, window)[::hop] * shape
    pieces = irfft(rfft(carrier, size, axis=1) * envelope, size, axis=1)
    output = np.zeros(len(padded) + size)
    for index, piece in enumerate(pieces):
        output[index * hop : index * hop + size] += piece
    return output[window : window + len(signal)].astype(np.float32)


def _levinson(correlation: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Autocorrelations [N, order+1] → predictors [N, order+1] (first 1) and error power [N]."""
    count, size = correlation.shape
    filters = np.zeros((count, size))
    filters[:, 0] = 1
    error = correlation[:, 0].copy()
    for step in range(1, size):
        reflection = -(filters[:, :step] * correlation[:, step:0:-1]).sum(1) / error
        previous = filters[:, : step + 1].copy()
        filters[:, : step + 1] += reflection[:, None] * previous[:, ::-1]
        error = np.maximum(error * (1 - reflection**2), 1e-12)
    return filters, error


def read_wave(path: Path) -> tuple[Signal, int]:
    with wave.open(str(path)) as file:
        raw = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        rate = file.getframerate()
    return (raw.astype(np.float32) / 32768).copy(), rate


def write_wave(path: Path, signal: Signal) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(signal, -1, 1) * 32767).astype(np.int16).tobytes())


def read_opus(path: Path) -> Signal:
    """Decode an Ogg Opus file to 16 kHz with opusdec (opus-tools)."""
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "decoded.wav"
        command = ["opusdec", "--quiet", "--rate", str(SAMPLE_RATE), str(path), str(target)]
        subprocess.run(command, check=True)
        return read_wave(target)[0]
