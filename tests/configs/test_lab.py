"""A lab run takes its seed from the student number."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from cases.command import run_command

from genlab.configs.lab import LabConfig, seed_of


@pytest.mark.parametrize(("student_id", "seed"), [
    ("2021210001", 2021210001), ("２０２１ 210-001", 2021210001), ("007", 7),
    ("123456789012345678", 123456789012345678),
])
def test_a_number_is_its_own_seed(student_id: str, seed: int) -> None:
    assert seed_of(student_id) == seed


def test_other_numbers_have_seeds_of_their_own() -> None:
    ids = ["B20190301", "B20190302", "7_b", "1234567890123456789", "1234567890123456788", "张三"]
    assert len({seed_of(one) for one in ids}) == len(ids)
    assert all(0 <= seed_of(one) < 1 << 32 for one in ids)
    assert seed_of("b2019 0301") == seed_of("B20190301") == 0x213DBB6C  # sha256sum


def test_the_seed_is_that_of_the_number_unless_one_is_given(tmp_path: Path) -> None:
    assert LabConfig().decided_seed == 0
    assert LabConfig(id="2021").decided_seed == 2021
    assert LabConfig(id="2021", seed=0).decided_seed == 0
    assert LabConfig(id="2021") == LabConfig(**asdict(LabConfig(id="2021")))
    assert replace(LabConfig(id="2021"), id="2022").decided_seed == 2021  # it was decided
    ended = run_command("lab", "--id", "2021", "--dry-run", cwd=tmp_path)
    assert ended.stdout.count('"seed": 2021') == 5  # the lab's, three VAEs' and the GAN's
