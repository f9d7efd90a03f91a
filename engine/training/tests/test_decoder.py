from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch (the train extra)")

from aloud_nano.config import DecoderConfig  # noqa: E402
from aloud_nano.decoder import Decoder  # noqa: E402


@torch.no_grad()
def test_cached_steps_equal_one_pass() -> None:
    torch.manual_seed(0)
    config = DecoderConfig(vocab=64, width=48, layers=2, heads=6, kv_heads=2, feed_forward=64)
    decoder = Decoder(config).eval()
    x = torch.randn(2, 20, 48)
    causal = torch.ones(20, 20, dtype=torch.bool).tril()[None, None]
    whole = decoder(x, torch.arange(20).expand(2, 20), causal)
    past = [torch.zeros(2, 2, 0, 8) for _ in range(4)]
    pieces = []
    for start, stop in ((0, 7), (7, 8), (8, 20)):
        positions = torch.arange(start, stop).expand(2, -1)
        keep = torch.ones(2, stop, dtype=torch.int64)
        hidden, past = decoder.step(x[:, start:stop], keep, positions, past)
        pieces.append(hidden)
    assert torch.allclose(torch.cat(pieces, 1), whole, atol=1e-5)
    assert past[0].shape == (2, 2, 20, 8)
