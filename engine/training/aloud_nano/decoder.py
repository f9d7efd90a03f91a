"""The decoder: Whisper tiny.en's (pre-norm, self-attention, cross-attention, GELU)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aloud_nano.config import SCRIBE_POSITIONS, SCRIBE_VOCAB, DecoderConfig


class _Reshape(torch.autograd.Function):
    """Reshape where 0 keeps the dimension at its index, as in ONNX.

    Traced shapes would otherwise become a dozen tiny graph nodes for each reshape, which at one
    token a step cost more than the products.
    """

    @staticmethod
    def forward(ctx: object, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape)])

    @staticmethod
    def symbolic(g: Any, x: Any, shape: tuple[int, ...]) -> Any:
        constant = g.op("Constant", value_t=torch.tensor(shape, dtype=torch.int64))
        return g.op("Reshape", x, constant)


def reshape(x: Tensor, *shape: int) -> Tensor:
    return _Reshape.apply(x, shape)


@dataclass
class CrossIndex:
    """Which tokens attend to which audio, for rows that many turns share.

    queries [N, T]: flat places of an utterance's tokens in the rows (rows · length = a spare one);
    frames [N, F]: flat places of its frames among all cross frames;
    mask [N, 1, 1, F + 1]: additive; the first column, the sink, is always open.
    """

    queries: Tensor
    frames: Tensor
    mask: Tensor


class DecoderLayer(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_cross = nn.LayerNorm(width)
        self.cross_query = nn.Linear(width, width)
        self.cross_out = nn.Linear(width, width)
        self.norm_feed = nn.LayerNorm(width)
        self.up = nn.Linear(width, config.feed_forward)
        self.down = nn.Linear(config.feed_forward, width)

    def _feed(self, x: Tensor) -> Tensor:
        return x + self.down(F.gelu(self.up(self.norm_feed(x))))

    def forward(
        self, x: Tensor, mask: Tensor, key: Tensor, value: Tensor, index: CrossIndex
    ) -> Tensor:
        """x [R, S, D]; key, value [frames, D]: this layer's projections of all cross frames."""
        heads, dim = self.config.heads, self.config.head_dim
        qkv = self.qkv(self.norm_attention(x)).unflatten(-1, (3, heads, dim))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(attended.transpose(1, 2).flatten(2))

        query = self.cross_query(self.norm_cross(x)).flatten(0, 1)
        query = F.pad(query, (0, 0, 0, 1))[index.queries]  # [N, T, D]
        key = F.pad(key[index.frames], (0, 0, 1, 0))  # the zero sink in front
        value = F.pad(value[index.frames], (0, 0, 1, 0))
        q, k, v = (part.unflatten(-1, (heads, dim)).transpose(1, 2) for part in (query, key, value))
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=index.mask)
        attended = attended.transpose(1, 2).flatten(2)
        flat = attended.new_zeros(x.shape[0] * x.shape[1] + 1, x.shape[2])
        flat = flat.index_copy(0, index.queries.flatten(), attended.flatten(0, 1))
        x = x + self.cross_out(flat[:-1].view(x.shape))
        return self._feed(x)

    def step(
        self, x: Tensor, bias: Tensor, key: Tensor, value: Tensor, cross_key: Tensor,
        cross_value: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """S new positions against P cached ones and F cross frames (the sink among them).

        x [B, S, D]; bias [B, 1, S, P+S]; key, value [B, H, P, D/H]; cross [B, H, F, D/H].
        """
        heads, dim = self.config.heads, self.config.head_dim
        qkv = reshape(self.qkv(self.norm_attention(x)), 0, 0, -1, dim).transpose(1, 2)
        q, k, v = qkv.split([heads, heads, heads], dim=1)
        k = torch.cat([key, k], dim=2)
        v = torch.cat([value, v], dim=2)
        weights = ((q * dim**-0.5) @ k.transpose(-1, -2) + bias).softmax(-1)
        x = x + self.out(reshape((weights @ v).transpose(1, 2), 0, 0, -1))
        q = reshape(self.cross_query(self.norm_cross(x)), 0, 0, -1, dim).transpose(1, 2)
        weights = ((q * dim**-0.5) @ cross_key.transpose(-1, -2)).softmax(-1)
        x = x + self.cross_out(reshape((weights @ cross_value).transpose(1, 2), 0, 0, -1))
        return self._feed(x), k, v


class Decoder(nn.Module):
    """Embeddings in, normed hidden states out; the output projection is the embedding's."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab, config.width)
        self.places = nn.Parameter(torch.zeros(config.positions, config.width))
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        nn.init.normal_(self.embed.weight, std=0.02)

    def forward(
        self, ids: Tensor, positions: Tensor, mask: Tensor, cross: list[tuple[Tensor, Tensor]],
        index: CrossIndex,
    ) -> Tensor:  # fmt: skip
        """ids, positions [R, S]; mask [R, 1, S, S] additive; cross: key, value of each layer."""
        x = self.embed(ids) + self.places[positions]
        for layer, (key, value) in zip(self.layers, cross, strict=True):
            x = layer(x, mask, key, value, index)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden @ self.embed.weight.t().to(hidden.dtype)

    def step(
        self, x: Tensor, attention_mask: Tensor, position_ids: Tensor, past: list[Tensor],
        cross: list[Tensor],
    ) -> tuple[Tensor, list[Tensor]]:  # fmt: skip
        """Cached decoding. past and cross: key, value of each layer; mask [B, P+S]."""
        x = x + self.places[position_ids]
        bias = causal_bias(attention_mask, x.shape[1], past[0].shape[2])
        present: list[Tensor] = []
        for index, layer in enumerate(self.layers):
            both = slice(2 * index, 2 * index + 2)
            x, key, value = layer.step(x, bias, *past[both], *cross[both])
            present += [key, value]
        return self.norm(x), present


class Scribe(nn.Module):
    """A decoder of its own, and the projections of what it attends to.

    frames: the encoder's normed last hidden state, the mean of every two: [B, F, D].
    """

    def __init__(self) -> None:
        super().__init__()
        self.decoder = Decoder(DecoderConfig(vocab=SCRIBE_VOCAB, positions=SCRIBE_POSITIONS))
        config = self.decoder.config
        self.cross = nn.ModuleList(
            nn.Linear(config.width, 2 * config.width) for _ in range(config.layers)
        )

    def forward(self, ids: Tensor, frames: Tensor, counts: Tensor) -> Tensor:
        """ids [B, S], frames [B, F, D] of which ``counts`` [B] are real → logits [B, S, V]."""
        size, steps = ids.shape
        width = frames.shape[1]
        causal = torch.full((steps, steps), -1e9).triu(1)[None, None]
        places = torch.arange(size * steps).view(size, steps)
        shown = torch.arange(size * width).view(size, width)
        closed = torch.arange(1 + width)[None] > counts[:, None]
        bias = torch.zeros(size, 1 + width).masked_fill(closed, -1e9)
        index = CrossIndex(places, shown, bias[:, None, None])
        cross = [layer(frames).flatten(0, 1).chunk(2, dim=-1) for layer in self.cross]
        position = torch.arange(steps)[None].expand(size, steps)
        hidden = self.decoder(ids, position, causal.expand(size, 1, steps, steps), cross, index)
        return self.decoder.logits(hidden)


def causal_bias(attention_mask: Tensor, steps: int, past: int) -> Tensor:
    """[B, P+S] keep-mask → additive [B, 1, S, P+S] with the causal triangle."""
    query = past + torch.arange(steps, device=attention_mask.device)
    key = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    allowed = (key[None, :] <= query[:, None])[None] & (attention_mask[:, None, :] > 0)
    zero = torch.zeros((), dtype=torch.float32, device=attention_mask.device)
    low = torch.full((), -1e9, dtype=torch.float32, device=attention_mask.device)
    return torch.where(allowed, zero, low)[:, None]
