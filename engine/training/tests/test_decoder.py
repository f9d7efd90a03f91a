"""Rows that turns share, and one cached step after another, are one and the same computation."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch (the train extra)")

from aloud_nano.config import DecoderConfig  # noqa: E402
from aloud_nano.decoder import CrossIndex, Decoder  # noqa: E402


@torch.no_grad()
def test_cached_steps_equal_shared_rows() -> None:
    """Two turns in two rows, each with audio of its own; the first token attends to none."""
    torch.manual_seed(0)
    config = DecoderConfig(vocab=64, width=48, layers=2, heads=6, feed_forward=64, positions=32)
    decoder = Decoder(config).eval()
    size, counts = 20, [5, 9]
    ids = torch.randint(64, (2, size))
    cross = [(torch.randn(14, 48), torch.randn(14, 48)) for _ in range(2)]
    causal = torch.ones(size, size, dtype=torch.bool).tril()[None, None]
    bias = torch.zeros(1, 1, size, size).masked_fill(~causal, -1e9)
    queries = torch.arange(40).view(2, size)[:, 1:]
    frames = torch.tensor([[0, 1, 2, 3, 4, 0, 0, 0, 0], list(range(5, 14))])
    closed = torch.arange(10)[None] > torch.tensor(counts)[:, None]
    mask = torch.zeros(2, 10).masked_fill(closed, -1e9)[:, None, None]
    positions = torch.arange(size).expand(2, size)
    index = CrossIndex(queries, frames, mask)
    whole = decoder(ids, positions, bias.expand(2, -1, -1, -1), cross, index)

    first = 0
    for row, count in enumerate(counts):
        own = []
        for pair in cross:
            for part in pair:
                heard = part[first : first + count].view(count, 6, 8).transpose(0, 1)
                own.append(torch.nn.functional.pad(heard, (0, 0, 1, 0))[None])
        first += count
        sink = [part[:, :, :1] for part in own]
        past = [torch.zeros(1, 6, 0, 8) for _ in range(4)]
        pieces = []
        for start, stop, heard in ((0, 1, sink), (1, 7, own), (7, 8, own), (8, size, own)):
            keep = torch.ones(1, stop, dtype=torch.int64)
            x = decoder.embed(ids[row : row + 1, start:stop])
            hidden, past = decoder.step(x, keep, positions[:1, start:stop], past, heard)
            pieces.append(hidden)
        assert torch.allclose(torch.cat(pieces, 1)[0], whole[row], atol=1e-5)
        assert past[0].shape == (1, 6, size, 8)
