"""Whole, packed and streamed encoding are one and the same computation."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch (the train extra)")

from aloud_nano.config import (  # noqa: E402
    BLOCK_FRAMES,
    BLOCK_MEL,
    CROSS_PER_BLOCK,
    POSITION_PERIOD,
    DecoderConfig,
    EncoderConfig,
)
from aloud_nano.encoder import AudioEncoder, block_mask, packed_mask, sinusoids  # noqa: E402


@pytest.fixture(scope="module")
def encoder() -> AudioEncoder:
    torch.manual_seed(0)
    config = EncoderConfig(width=64, layers=2, heads=2, feed_forward=96)
    return AudioEncoder(config, DecoderConfig(width=64, layers=2, heads=2)).eval()


def test_block_mask_is_bounded_on_both_sides() -> None:
    mask = block_mask(20 * BLOCK_FRAMES)
    assert mask[0, BLOCK_FRAMES - 1] and not mask[0, BLOCK_FRAMES]
    last = 19 * BLOCK_FRAMES
    assert mask[last, 3 * BLOCK_FRAMES] and not mask[last, 3 * BLOCK_FRAMES - 1]


def test_positions_match_whispers_table_and_wrap() -> None:
    table = sinusoids(torch.tensor([0, 1, POSITION_PERIOD]) % POSITION_PERIOD, 64)
    assert torch.equal(table[0], table[2])
    assert torch.allclose(table[0], torch.cat([torch.zeros(32), torch.ones(32)]))


@torch.no_grad()
def test_streaming_equals_whole(encoder: AudioEncoder) -> None:
    mel = torch.randn(1, 80, 19 * BLOCK_MEL)
    whole = encoder(mel)
    state, made = encoder.initial_state(), []
    for start in range(0, mel.shape[2], BLOCK_MEL):
        heard, state = encoder.step(mel[:, :, start : start + BLOCK_MEL], state)
        made.append(heard)
    for layer in range(2):
        for part in range(2):
            streamed = torch.cat([m.cross[layer][part] for m in made], 1)
            assert torch.allclose(streamed, whole.cross[layer][part], atol=1e-5)
    assert torch.allclose(torch.cat([m.ctc for m in made], 1), whole.ctc, atol=1e-5)
    assert torch.allclose(torch.cat([m.turn for m in made], 1), whole.turn, atol=1e-5)
    assert state.key.shape[3] == 16 * BLOCK_FRAMES
    assert int(state.position) == 19 * BLOCK_FRAMES


@torch.no_grad()
def test_a_live_layer_that_has_learned_nothing_changes_nothing(encoder: AudioEncoder) -> None:
    frames = torch.randn(1, 3 * BLOCK_FRAMES, 64)
    assert torch.equal(encoder.live(frames, block_mask(3 * BLOCK_FRAMES)), frames)


@torch.no_grad()
def test_packed_neighbours_do_not_touch(encoder: AudioEncoder) -> None:
    """Two utterances in one row give what each gives alone."""
    lengths = [5, 14]
    mels = [torch.randn(1, 80, n * BLOCK_MEL) for n in lengths]
    row = torch.full((1, 20, 80, BLOCK_MEL), -1.0)
    row[0, :19] = torch.cat(mels, 2).unflatten(2, (-1, BLOCK_MEL)).transpose(1, 2)
    utterance = torch.tensor([[0] * 5 + [1] * 14 + [-1]])
    index = torch.tensor([[*range(5), *range(14), 0]])
    mask = packed_mask(utterance, index, streaming=True).float()
    packed = encoder.packed(row, index == 0, index, mask)
    alone = torch.cat([encoder(mel).cross[1][1] for mel in mels], 1)
    assert torch.allclose(packed.cross[1][1][:, : 19 * CROSS_PER_BLOCK], alone, atol=1e-5)
