"""What a sampled chain is judged by."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs PyTorch (the train extra)")

from aloud_nano.mgrd import Chain, coherent


def test_steps_that_do_not_compute_are_not_coherent() -> None:
    assert coherent(' The speaker says "…". 40 + 3 = 43. 43 - 8 = 35.')
    assert coherent(" 20 * 135 = 2700. 2700 / 100 = 27.")
    assert not coherent(" 40 + 3 = 43. 43 - 8 = 3.")
    assert not coherent(" 5 / 0 = 5.")


def test_a_chain_is_kept_only_if_all_of_it_is_true() -> None:
    good = Chain([1], right=True, reasoned=True, claims=3, true_claims=3, coherent=True)
    assert good.kept and good.reward == 1.0
    assert not Chain([1], True, True, 3, 2, True).kept
    assert not Chain([1], True, True, 3, 3, False).kept
    assert not Chain([1], False, True, 3, 3, True).kept
    assert Chain([1], False, True, 3, 3, True).reward == pytest.approx(0.2)
