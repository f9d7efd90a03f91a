"""The streaming audio encoder: Whisper tiny.en's, made block-causal, with our heads."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aloud_nano.config import (
    BLOCK_FRAMES,
    CTC_CLASSES,
    FRAMES_PER_CROSS,
    N_MELS,
    PAST_FRAMES,
    POSITION_PERIOD,
    WINDOW_BLOCKS,
    DecoderConfig,
    EncoderConfig,
)


def sinusoids(positions: Tensor, width: int) -> Tensor:
    """Whisper's position encoding for any integer positions [...] → [..., width]."""
    half = width // 2
    rate = torch.exp(
        torch.arange(half, dtype=torch.float32, device=positions.device)
        * (-math.log(10_000.0) / (half - 1))
    )
    angle = positions.to(torch.float32).unsqueeze(-1) * rate
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def block_mask(frames: int, device: torch.device | None = None) -> Tensor:
    """[frames, frames] bool: query block may see its own and the 16 blocks before it."""
    block = torch.arange(frames, device=device) // BLOCK_FRAMES
    distance = block[:, None] - block[None, :]
    return (distance >= 0) & (distance < WINDOW_BLOCKS)


class EncoderLayer(nn.Module):
    """Pre-norm Transformer layer, exactly Whisper's, with a fused q/k/v projection."""

    def __init__(self, width: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_feed = nn.LayerNorm(width)
        self.up = nn.Linear(width, feed_forward)
        self.down = nn.Linear(feed_forward, width)

    def _heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, T, D] → q, k, v of [B, H, T, D/H]."""
        batch, time, width = x.shape
        qkv = self.qkv(self.norm_attention(x))
        qkv = qkv.view(batch, time, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        return qkv[0], qkv[1], qkv[2]

    def _finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.out(attended.transpose(1, 2).reshape(x.shape))
        return x + self.down(F.gelu(self.up(self.norm_feed(x))))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = self._heads(x)
        return self._finish(x, F.scaled_dot_product_attention(q, k, v, attn_mask=mask))

    def step(self, x: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One block against its past. Every past frame is inside the window: no mask needed."""
        q, k, v = self._heads(x)
        k = torch.cat([key, k], dim=2)
        v = torch.cat([value, v], dim=2)
        scores = (q * (q.shape[-1] ** -0.5)) @ k.transpose(-1, -2)
        return self._finish(x, scores.softmax(-1) @ v), k, v


@dataclass
class EncoderOutput:
    """What one pass over audio gives.

    cross: for every decoder layer its key and value [B, T/2, D]; ctc [B, T, C]; turn [B, T/24]:
    logits of "the user has finished"; final [B, T, D]; hidden: each layer's [B, T, D].
    """

    cross: list[tuple[Tensor, Tensor]]
    ctc: Tensor
    turn: Tensor
    final: Tensor
    hidden: list[Tensor]


@dataclass
class EncoderState:
    """What one stream carries from block to block; zeros (and no past frames) at its start."""

    mel: Tensor  # [1, 80, 2]
    stem: Tensor  # [1, D, 1]
    key: Tensor  # [L + 1, 1, H, P, D/H], P ≤ 384; the live layer is the last
    value: Tensor
    position: Tensor  # [1] int64, encoder frames since the utterance began


class WhisperEncoder(nn.Module):
    """Causal convolution stem and Transformer layers, loaded from Whisper's weights."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv1d(N_MELS, config.width, 3)
        self.conv2 = nn.Conv1d(config.width, config.width, 3, stride=2)
        self.layers = nn.ModuleList(
            EncoderLayer(config.width, config.heads, config.feed_forward)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width)

    def stem(self, mel: Tensor, mel_past: Tensor, stem_past: Tensor) -> tuple[Tensor, Tensor]:
        """mel [B, 80, 2T], its 2 earlier frames, 1 earlier conv1 frame → [B, T, D], last conv1."""
        first = F.gelu(self.conv1(torch.cat([mel_past, mel], dim=2)))
        second = F.gelu(self.conv2(torch.cat([stem_past, first], dim=2)))
        return second.transpose(1, 2), first[:, :, -1:]

    def packed(self, mel: Tensor, start: Tensor, position: Tensor, mask: Tensor) -> list[Tensor]:
        """Rows of blocks [U, NB, 80, 48]; ``start`` [U, NB] marks the first block of an utterance,
        ``position`` [U, NB] is each block's place in its utterance. Returns as ``forward``.

        The convolutions run block by block with the carried frames of the block before, so an
        utterance never sees its neighbour in the row.
        """
        rows, blocks = mel.shape[:2]
        keep = (~start).to(mel.dtype)[:, :, None, None]
        mel_past = F.pad(mel[:, :-1, :, -2:], (0, 0, 0, 0, 1, 0)) * keep
        joined = torch.cat([mel_past, mel], dim=3).flatten(0, 1)
        first = F.gelu(self.conv1(joined)).unflatten(0, (rows, blocks))
        stem_past = F.pad(first[:, :-1, :, -1:], (0, 0, 0, 0, 1, 0)) * keep.to(first.dtype)
        joined = torch.cat([stem_past, first], dim=3).flatten(0, 1)
        x = F.gelu(self.conv2(joined)).transpose(1, 2)
        frames = position[:, :, None] * BLOCK_FRAMES + torch.arange(
            BLOCK_FRAMES, device=position.device
        )
        x = x.reshape(rows, blocks * BLOCK_FRAMES, -1).float()  # residual stream in full precision
        where = sinusoids(frames.flatten(1) % POSITION_PERIOD, self.config.width)
        x = x + where
        hidden = []
        for layer in self.layers:
            x = layer(x, mask)
            hidden.append(x)
        return [*hidden, self.norm(x)]

    def forward(self, mel: Tensor, mask: Tensor, offset: Tensor | None = None) -> list[Tensor]:
        """Whole utterances [B, 80, 2T] at once → hidden states of every layer, then the normed.

        ``offset`` [B]: position of the first frame (training starts some utterances late so
        that wrapped positions are familiar).
        """
        batch = mel.shape[0]
        x, _ = self.stem(
            mel, mel.new_zeros(batch, N_MELS, 2), mel.new_zeros(batch, self.config.width, 1)
        )
        positions = torch.arange(x.shape[1], device=x.device)[None]
        if offset is not None:
            positions = positions + offset[:, None]
        x = x + sinusoids(positions % POSITION_PERIOD, self.config.width).to(x.dtype)
        hidden = []
        for layer in self.layers:
            x = layer(x, mask)
            hidden.append(x)
        return [*hidden, self.norm(x)]


def packed_mask(utterance: Tensor, block_index: Tensor, streaming: bool) -> Tensor:
    """Additive attention mask for rows that several utterances share.

    utterance, block_index: [U, NB] (utterance -1 = empty block). Returns [U, 1, T, T] bfloat16
    with T = 24·NB: same utterance only; ``streaming`` also bounds it to this and 16 earlier blocks.
    """
    same = utterance[:, :, None] == utterance[:, None, :]
    if streaming:
        distance = block_index[:, :, None] - block_index[:, None, :]
        same = same & (distance >= 0) & (distance < WINDOW_BLOCKS)
    bias = torch.zeros(same.shape, dtype=torch.bfloat16, device=same.device)
    bias = bias.masked_fill(~same, -30_000.0)
    bias = bias.repeat_interleave(BLOCK_FRAMES, dim=1).repeat_interleave(BLOCK_FRAMES, dim=2)
    return bias[:, None]


class AudioEncoder(nn.Module):
    """Whisper's encoder, the decoder's cross projections, and the CTC and end-of-turn heads."""

    def __init__(self, config: EncoderConfig, text: DecoderConfig) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.whisper = WhisperEncoder(config)
        # A layer of our own for the live transcript and the end of turn alone: Whisper's last
        # layer stays what the decoder reads. At the start it changes nothing.
        self.live = EncoderLayer(width, config.heads, config.feed_forward)
        self.live_norm = nn.LayerNorm(width)
        for part in (self.live.out, self.live.down):
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)
        # The early layer still knows pitch and loudness, which Whisper's last one forgets.
        self.side_norm = nn.LayerNorm(width)
        self.side_in = nn.Linear(width, config.side_width)
        self.side_out = nn.Linear(config.side_width, width)
        self.pool = nn.Linear(FRAMES_PER_CROSS * width, width)
        self.cross = nn.ModuleList(nn.Linear(width, 2 * text.width) for _ in range(text.layers))
        self.ctc_in = nn.Linear(width, width)
        self.ctc = nn.Linear(width, CTC_CLASSES)
        self.turn_in = nn.Linear(2 * width, config.turn_width)
        self.turn = nn.Linear(config.turn_width, 1)
        # At the start: the mean of two frames, and nothing from the side.
        nn.init.zeros_(self.side_out.weight)
        nn.init.zeros_(self.side_out.bias)
        with torch.no_grad():
            self.pool.weight.copy_(torch.eye(width).repeat(1, FRAMES_PER_CROSS) / FRAMES_PER_CROSS)
            self.pool.bias.zero_()

    def _heads(self, final: Tensor, early: Tensor, live: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, T, D] three times → pooled [B, T/2, D], ctc [B, T, C], turn [B, T/24]."""
        heard = final + self.side_out(F.gelu(self.side_in(self.side_norm(early))))
        pooled = self.pool(heard.unflatten(1, (-1, FRAMES_PER_CROSS)).flatten(2))
        ctc = self.ctc(F.gelu(self.ctc_in(live)))
        blocks = live.unflatten(1, (-1, BLOCK_FRAMES))
        ending = torch.cat([blocks.mean(2), blocks[:, :, -6:].mean(2)], dim=-1)
        return pooled, ctc, self.turn(F.gelu(self.turn_in(ending))).squeeze(-1)

    def _output(self, hidden: list[Tensor], final: Tensor, live: Tensor) -> EncoderOutput:
        early = hidden[self.config.tap_layer - 1]
        pooled, ctc, turn = self._heads(final, early, self.live_norm(live))
        cross = []
        for layer in self.cross:
            key, value = layer(pooled).chunk(2, dim=-1)
            cross.append((key, value))
        return EncoderOutput(cross, ctc, turn, final, hidden)

    def forward(self, mel: Tensor, offset: Tensor | None = None) -> EncoderOutput:
        mask = block_mask(mel.shape[2] // 2, mel.device)
        *hidden, final = self.whisper(mel, mask, offset)
        return self._output(hidden, final, self.live(hidden[-1], mask))

    def packed(self, mel: Tensor, start: Tensor, position: Tensor, mask: Tensor) -> EncoderOutput:
        """As ``WhisperEncoder.packed``: rows of blocks that utterances share."""
        *hidden, final = self.whisper.packed(mel, start, position, mask)
        return self._output(hidden, final, self.live(hidden[-1], mask))

    def initial_state(self) -> EncoderState:
        width, heads = self.config.width, self.config.heads
        empty = torch.zeros(self.config.layers + 1, 1, heads, 0, width // heads)
        return EncoderState(
            mel=torch.zeros(1, N_MELS, 2),
            stem=torch.zeros(1, width, 1),
            key=empty,
            value=empty.clone(),
            position=torch.zeros(1, dtype=torch.int64),
        )

    def step(self, mel: Tensor, state: EncoderState) -> tuple[EncoderOutput, EncoderState]:
        """One block [1, 80, 48] → what it gives, and the next state."""
        x, stem = self.whisper.stem(mel, state.mel, state.stem)
        positions = state.position + torch.arange(x.shape[1])
        x = x + sinusoids(positions % POSITION_PERIOD, self.config.width)
        keys, values, hidden = [], [], []
        for index, layer in enumerate([*self.whisper.layers, self.live]):
            x, key, value = layer.step(x, state.key[index], state.value[index])
            keys.append(key[:, :, -PAST_FRAMES:])
            values.append(value[:, :, -PAST_FRAMES:])
            hidden.append(x)
        following = EncoderState(
            mel=mel[:, :, -2:],
            stem=stem,
            key=torch.stack(keys),
            value=torch.stack(values),
            position=state.position + BLOCK_FRAMES,
        )
        *hidden, live = hidden
        return self._output(hidden, self.whisper.norm(hidden[-1]), live), following
