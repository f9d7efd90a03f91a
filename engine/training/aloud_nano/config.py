"""Every number that fixes nano's shape, in one place.

Three clocks matter: mel frames (100 Hz), encoder frames (50 Hz) and audio
embeddings (12.5 Hz). A *block* is the unit the streaming encoder takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SAMPLE_RATE = 16_000
HOP = 160  # samples between mel frames (10 ms)
N_FFT = 400  # samples in one mel frame (25 ms)
LEFT_ZEROS = 240  # frame t covers samples 160t-240 … 160t+160: no look-ahead past its hop
N_MELS = 80
MEL_FLOOR = 1e-8
MEL_OFFSET = 4.0
MEL_SCALE = 4.0

# Vocal tract length perturbation: frequency axis factors; index 0 is "no warp".
WARPS = (1.0, 0.86, 0.9, 0.94, 0.97, 1.03, 1.06, 1.1, 1.15)

BLOCK_MEL = 48  # mel frames in one encoder call (480 ms)
BLOCK_FRAMES = 24  # encoder frames in one block (50 Hz)
FRAMES_PER_EMBED = 4
EMBEDS_PER_BLOCK = BLOCK_FRAMES // FRAMES_PER_EMBED
BLOCK_SAMPLES = BLOCK_MEL * HOP
WINDOW_BLOCKS = 17  # a block sees itself and 16 earlier ones (8.2 s)
PAST_FRAMES = (WINDOW_BLOCKS - 1) * BLOCK_FRAMES
POSITION_PERIOD = 62 * BLOCK_FRAMES  # 1488 frames = 29.76 s: positions wrap, they never run out

CTC_ALPHABET = "abcdefghijklmnopqrstuvwxyz '"  # class 0 is the blank, class i is ALPHABET[i-1]
CTC_CLASSES = len(CTC_ALPHABET) + 1

VOCAB_SIZE = 2048
CONTEXT_LENGTH = 1024


@dataclass(frozen=True)
class EncoderConfig:
    """Whisper tiny.en's encoder plus our heads."""

    width: int = 384
    layers: int = 4
    heads: int = 6
    feed_forward: int = 1536
    tap_layer: int = 1  # the side branch reads the output of this many layers
    side_width: int = 96
    adapter_width: int = 512


@dataclass(frozen=True)
class DecoderConfig:
    """A Qwen2-like decoder, trained from scratch."""

    vocab: int = VOCAB_SIZE
    width: int = 384
    layers: int = 6
    heads: int = 6
    kv_heads: int = 2
    feed_forward: int = 1024
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-6

    @property
    def head_dim(self) -> int:
        return self.width // self.heads


@dataclass(frozen=True)
class NanoConfig:
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
