"""The scribe: what it learns from, and that training and export compute the same."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from aloud_nano.decoder import Scribe  # noqa: E402
from aloud_nano.scribe import END, PROMPT, Heard, batch_of, pooled_frames  # noqa: E402
from aloud_nano.turns import IGNORE  # noqa: E402


def heard(count: int, ids: list[int]) -> Heard:
    rng = np.random.default_rng(count)
    return Heard(rng.standard_normal((count, 384)).astype(np.float16), ids)


def test_every_word_and_the_end_are_learned_and_the_prompt_is_not() -> None:
    ids, labels, frames, counts = batch_of([heard(12, [70, 71, 72]), heard(24, [])])
    assert ids[0].tolist() == [*PROMPT, 70, 71, 72]
    assert labels[0].tolist() == [IGNORE, 70, 71, 72, END]
    assert labels[1].tolist() == [IGNORE, END, IGNORE, IGNORE, IGNORE]
    assert frames.shape == (2, 24, 384)
    assert counts.tolist() == [12, 24]


def test_frames_are_the_means_of_pairs() -> None:
    final = torch.arange(8.0).view(1, 4, 2)
    assert pooled_frames(final).tolist() == [[[1.0, 2.0], [5.0, 6.0]]]


def test_what_is_padded_changes_nothing() -> None:
    torch.manual_seed(0)
    scribe = Scribe().eval()
    short, long = heard(12, [70, 71]), heard(36, [72, 73])
    with torch.no_grad():
        ids, _, frames, counts = batch_of([short])
        alone = scribe(ids, frames, counts)
        ids, _, frames, counts = batch_of([short, long])
        together = scribe(ids, frames, counts)
    assert torch.allclose(alone[0], together[0], atol=1e-4)


def test_written_token_by_token_as_it_was_learned() -> None:
    torch.manual_seed(0)
    scribe = Scribe().eval()
    ids, _, frames, counts = batch_of([heard(12, [70, 71, 72])])
    with torch.no_grad():
        whole = scribe(ids, frames, counts)[0]
        cross = []
        for layer in scribe.cross:
            for part in layer(frames).chunk(2, dim=-1):
                by_head = part.unflatten(-1, (6, 64)).transpose(1, 2)
                cross.append(torch.nn.functional.pad(by_head, (0, 0, 1, 0)))  # the sink
        past = [torch.zeros(1, 6, 0, 64)] * 8
        for place, token in enumerate(ids[0].tolist()):
            embedded = scribe.decoder.embed(torch.tensor([[token]]))
            mask, position = torch.ones(1, place + 1), torch.tensor([[place]])
            hidden, past = scribe.decoder.step(embedded, mask, position, past, cross)
            assert torch.allclose(scribe.decoder.logits(hidden)[0, 0], whole[place], atol=1e-4)
