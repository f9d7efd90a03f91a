"""The decoder: Qwen2-like (RMSNorm, q/k/v bias, RoPE, grouped-query attention, SwiGLU)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aloud_nano.config import DecoderConfig


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


class RMSNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        root = torch.sqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return (wide / root * self.weight).to(x.dtype)


def rope_tables(positions: Tensor, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Positions [B, S] → cos, sin [B, 1, S, head_dim] (the two halves carry the same angles)."""
    rate = theta ** (
        -torch.arange(0, head_dim, 2, device=positions.device).to(torch.float32) / head_dim
    )
    angle = positions.to(torch.float32).unsqueeze(-1) * rate
    angle = torch.cat([angle, angle], dim=-1).unsqueeze(1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """[..., head_dim] turned pairwise: (a, b) → (a·cos - b·sin, b·cos + a·sin) by halves."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


class DecoderLayer(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        width, kv_width = config.width, config.kv_heads * config.head_dim
        self.norm_attention = RMSNorm(width, config.norm_eps)
        self.qkv = nn.Linear(width, width + 2 * kv_width)
        self.out = nn.Linear(width, width, bias=False)
        self.norm_feed = RMSNorm(width, config.norm_eps)
        self.gate_up = nn.Linear(width, 2 * config.feed_forward, bias=False)
        self.down = nn.Linear(config.feed_forward, width, bias=False)

    def _heads(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, S, D] → q [B, H, S, hd], k and v [B, KV, S, hd], q and k rotated."""
        config = self.config
        heads = self.qkv(self.norm_attention(x))
        heads = heads.unflatten(-1, (-1, config.head_dim)).transpose(1, 2)
        turning, v = heads.split([config.heads + config.kv_heads, config.kv_heads], dim=1)
        q, k = rotate(turning, cos, sin).split([config.heads, config.kv_heads], dim=1)
        return q, k, v

    def _feed(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up(self.norm_feed(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        q, k, v = self._heads(x, cos, sin)
        repeat = self.config.heads // self.config.kv_heads
        k = k.repeat_interleave(repeat, dim=1)
        v = v.repeat_interleave(repeat, dim=1)
        q, k = q.to(v.dtype), k.to(v.dtype)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self._feed(x + self.out(attended.transpose(1, 2).flatten(2)))

    def step(
        self, x: Tensor, cos: Tensor, sin: Tensor, bias: Tensor, key: Tensor, value: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """S new positions against P cached ones; ``bias`` [B, 1, 3·S, P+S] is 0 or very low.

        The heads that share keys are folded into the query axis: two plain batched products.
        """
        config = self.config
        groups, dim = config.kv_heads, config.head_dim
        heads = reshape(self.qkv(self.norm_attention(x)), 0, 0, -1, dim).transpose(1, 2)
        turning, v = heads.split([config.heads + groups, groups], dim=1)
        q, k = rotate(turning, cos, sin).split([config.heads, groups], dim=1)
        k = torch.cat([key, k.to(key.dtype)], dim=2)
        v = torch.cat([value, v.to(value.dtype)], dim=2)
        folded = reshape(q, 0, groups, -1, dim).to(k.dtype) * dim**-0.5
        weights = (folded @ k.transpose(-1, -2) + bias).softmax(-1).to(v.dtype)
        attended = reshape(weights @ v, 0, config.heads, -1, dim).transpose(1, 2)
        x = x + self.out(reshape(attended, 0, 0, -1).to(x.dtype))
        return self._feed(x), k, v


class Decoder(nn.Module):
    """Embeddings in, normed hidden states out; the output projection is the embedding's."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab, config.width)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.width, config.norm_eps)
        nn.init.normal_(self.embed.weight, std=0.02)
        depth = (2 * config.layers) ** -0.5
        for layer in self.layers:
            layer.out.weight.data.mul_(depth)
            layer.down.weight.data.mul_(depth)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """x [B, S, D], positions [B, S], mask [B, 1, S, S] (bool or additive)."""
        cos, sin = rope_tables(positions, self.config.head_dim, self.config.rope_theta)
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden @ self.embed.weight.t().to(hidden.dtype)

    def step(
        self, x: Tensor, attention_mask: Tensor, position_ids: Tensor, past: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Cached decoding. past: key, value of each layer [B, KV, P, hd]; mask [B, P+S]."""
        cos, sin = rope_tables(position_ids, self.config.head_dim, self.config.rope_theta)
        bias = causal_bias(attention_mask, x.shape[1], past[0].shape[2])
        bias = bias.repeat(1, 1, self.config.heads // self.config.kv_heads, 1)
        present: list[Tensor] = []
        for index, layer in enumerate(self.layers):
            x, key, value = layer.step(x, cos, sin, bias, past[2 * index], past[2 * index + 1])
            present += [key, value]
        return self.norm(x), present


def causal_bias(attention_mask: Tensor, steps: int, past: int) -> Tensor:
    """[B, P+S] keep-mask → additive [B, 1, S, P+S] with the causal triangle."""
    query = past + torch.arange(steps, device=attention_mask.device)
    key = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    allowed = (key[None, :] <= query[:, None])[None] & (attention_mask[:, None, :] > 0)
    zero = torch.zeros((), dtype=torch.float32, device=attention_mask.device)
    low = torch.full((), -1e9, dtype=torch.float32, device=attention_mask.device)
    return torch.where(allowed, zero, low)[:, None]
