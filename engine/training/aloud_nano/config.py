"""Every number that fixes nano's shape, in one place.

Three clocks matter: mel frames (100 Hz), encoder frames (50 Hz) and cross frames (25 Hz: what
the decoder attends to). A *block* is the unit the streaming encoder takes.
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
FRAMES_PER_CROSS = 2
CROSS_PER_BLOCK = BLOCK_FRAMES // FRAMES_PER_CROSS
BLOCK_SAMPLES = BLOCK_MEL * HOP
STRETCH_BLOCKS = (
    20  # the longest utterance that is trained on (9.6 s); more in a row is heard badly
)
WINDOW_BLOCKS = 17  # a block sees itself and 16 earlier ones (8.2 s)
PAST_FRAMES = (WINDOW_BLOCKS - 1) * BLOCK_FRAMES
POSITION_PERIOD = 62 * BLOCK_FRAMES  # 1488 frames = 29.76 s: positions wrap, they never run out
CROSS_FRAMES = POSITION_PERIOD // FRAMES_PER_CROSS  # a turn's audio that the decoder can attend to

CTC_CLASSES = 1025  # blank, then word pieces (pieces.json)

VOCAB_SIZE = 8192
CONTEXT_LENGTH = 1024  # decoder positions; they wrap as well

# The scribe: control tokens in the place of Whisper's <|startoftranscript|> and <|notimestamps|>,
# and of its end of text; its positions.
SCRIBE_PROMPT = ("<|audio|>", "<|assistant|>")
SCRIBE_END = "<|endoftext|>"
SCRIBE_POSITIONS = 448
SCRIBE_VOCAB = 18_432


@dataclass(frozen=True)
class EncoderConfig:
    """Whisper tiny.en's encoder plus our heads."""

    width: int = 384
    layers: int = 4
    heads: int = 6
    feed_forward: int = 1536
    tap_layer: int = 1  # the side branch reads the output of this many layers
    side_width: int = 128
    turn_width: int = 128


@dataclass(frozen=True)
class DecoderConfig:
    """Whisper tiny.en's decoder with a pruned vocabulary and more positions."""

    vocab: int = VOCAB_SIZE
    width: int = 384
    layers: int = 4
    heads: int = 6
    feed_forward: int = 1536
    positions: int = CONTEXT_LENGTH

    @property
    def head_dim(self) -> int:
        return self.width // self.heads


@dataclass(frozen=True)
class NanoConfig:
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
