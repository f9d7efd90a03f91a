"""Averages of checkpoints."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from aloud_nano.model import Nano  # noqa: E402
from aloud_nano.soup import average, kind_of  # noqa: E402


def test_embeddings_mind_and_ears_have_weights_of_their_own() -> None:
    names = ("decoder.embed.weight", "decoder.norm.weight", "encoder.cross.0.weight", "encoder.ctc")
    begin = {name: torch.zeros(1) for name in names}
    trained = {name: torch.ones(1) for name in names}
    mixed = average([(begin, (0.6, 0.2, 0.3)), (trained, (0.4, 0.8, 0.7))])
    assert [round(float(mixed[name]), 3) for name in names] == [0.4, 0.8, 0.8, 0.7]


def test_what_only_one_part_has_is_taken_from_it() -> None:
    mixed = average([({"x": torch.ones(1)}, (1, 1, 1)), ({}, (3, 3, 3))])
    assert float(mixed["x"]) == 1


@pytest.mark.parametrize(("kind", "count"), [(0, 1), (1, None), (2, None)])
def test_every_parameter_of_nano_is_of_one_kind(kind: int, count: int | None) -> None:
    found = [name for name in Nano().state_dict() if kind_of(name) == kind]
    assert found if count is None else len(found) == count
