"""A round trip through real Opus, by ctypes on the system's libopus."""

from __future__ import annotations

import ctypes
import os

import numpy as np

from aloud_nano.audio import Signal
from aloud_nano.config import SAMPLE_RATE

_VOIP = 2048
_SET_BITRATE = 4002
_SET_COMPLEXITY = 4010
FRAME = 320  # 20 ms


class OpusCodec:
    """Encode and decode 16 kHz mono in 20 ms packets, as the client SDK does."""

    def __init__(self, complexity: int = 5) -> None:
        library = ctypes.CDLL(os.environ.get("ALOUD_LIBOPUS", "libopus.so.0"))
        library.opus_encoder_create.restype = ctypes.c_void_p
        library.opus_decoder_create.restype = ctypes.c_void_p
        error = ctypes.c_int(0)
        self._library = library
        self._encoder = ctypes.c_void_p(
            library.opus_encoder_create(SAMPLE_RATE, 1, _VOIP, ctypes.byref(error))
        )
        self._decoder = ctypes.c_void_p(
            library.opus_decoder_create(SAMPLE_RATE, 1, ctypes.byref(error))
        )
        if error.value != 0:
            raise RuntimeError(f"libopus: error {error.value}")
        self._control(_SET_COMPLEXITY, complexity)
        self._packet = (ctypes.c_ubyte * 1500)()

    def _control(self, request: int, value: int) -> None:
        self._library.opus_encoder_ctl(self._encoder, ctypes.c_int(request), ctypes.c_int(value))

    def round_trip(self, signal: Signal, bitrate: int) -> Signal:
        """Same length out as in; the codec's 6.5 ms look-ahead is taken off."""
        self._control(_SET_BITRATE, bitrate)
        delay = 104  # samples at 16 kHz
        padded = np.pad(signal, (0, delay + (-(len(signal) + delay) % FRAME)))
        samples = (np.clip(padded, -1, 1) * 32767).astype(np.int16)
        output = np.empty_like(samples)
        library = self._library
        for start in range(0, len(samples), FRAME):
            piece = samples[start : start + FRAME]
            size = library.opus_encode(
                self._encoder, piece.ctypes.data_as(ctypes.c_void_p), FRAME, self._packet, 1500
            )
            target = output[start : start + FRAME]
            got = library.opus_decode(
                self._decoder, self._packet, size, target.ctypes.data_as(ctypes.c_void_p), FRAME, 0
            )
            if size < 0 or got != FRAME:
                raise RuntimeError(f"libopus: encode {size}, decode {got}")
        return output[delay : delay + len(signal)].astype(np.float32) / 32767
