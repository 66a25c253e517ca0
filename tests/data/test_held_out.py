"""Held-out images: their share, their groups of copies, and what cannot be held out."""

import pytest
import torch

from genlab.common.errors import InputError
from genlab.data.held_out import hold_out


def test_held_out_tenth() -> None:
    first = hold_out(1507, 0)
    assert torch.equal(first, hold_out(1507, 0))
    assert not torch.equal(first, hold_out(1507, 1))
    assert len(first) == 151
    assert first.tolist() == sorted(set(first.tolist()))
    assert 0 <= int(first.min()) <= int(first.max()) < 1507
    assert len(hold_out(2, 0)) == 1
    assert len(hold_out(100, 0, share=0.25)) == 25
    # uniform: over seeds each index is held out about a tenth of the time (5 sigma)
    counts = torch.zeros(50)
    for seed in range(1000):
        counts[hold_out(50, seed)] += 1
    assert counts.sum() == 5000
    assert (counts - 100).abs().max() < 5 * 90**0.5



def test_held_out_keeps_copies_groups() -> None:
    groups = [[0, 5, 9], [20, 40], [41, 42, 43, 44]]
    sides = set()
    for seed in range(60):
        out = set(hold_out(60, seed, groups).tolist())
        assert 6 - 3 <= len(out) <= 6
        for group in groups:
            inside = len(out & set(group))
            assert inside in (0, len(group))
            sides.add((group[0], inside > 0))
    assert len(sides) == 6, "every group is now in, now out"



def test_held_out_refuses() -> None:
    with pytest.raises(InputError, match="at least two"):
        hold_out(1, 0)
    with pytest.raises(InputError, match="copies"):
        hold_out(10, 0, [list(range(5)), list(range(5, 10))])
    for groups in ([[1, 2], [2, 3]], [[10, 1]], [[-1, 1]]):
        with pytest.raises(ValueError, match="groups"):
            hold_out(10, 0, groups)
    with pytest.raises(ValueError, match="share"):
        hold_out(10, 0, share=0.9)

