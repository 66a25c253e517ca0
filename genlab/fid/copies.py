"""Copies of real images among generated ones: the same by their pixels, near ones by features."""

__all__ = ["copies_of"]

from genlab.configs.fid import FEWEST
from genlab.features.sample import Sample
from genlab.fid.results import Copies
from genlab.metrics.memorisation import memorisation_test


def copies_of(real: Sample, fake: Sample, held_out: Sample | None) -> Copies:
    """Counts the copies, and tests whether generated images are nearer than new real ones are.

    Arguments:
        real: The real images.
        fake: The generated ones.
        held_out: Real images that the generator was not trained on, at least `FEWEST` of which
            are different and none of the real ones.
    """
    same = int(fake.is_in([real]).sum())
    reference = "leave-one-out" if held_out is None else "held-out"
    if min(len(real.different), len(fake.different)) < 2:
        return Copies(duplicates=same, reference=reference)
    new = None if held_out is None else held_out.apart_from(real).features
    found = memorisation_test(real.different, fake.different, new)
    rows = zip(*(part.tolist() for part in found.pairs))
    few = min(len(real.different), len(fake.different)) < FEWEST
    return Copies(
        duplicates=same, reference=found.reference,
        p=None if few else found.test.p, share_nearer=None if few else found.test.share,
        near_duplicates=int(fake.repeated[found.distance < found.threshold].sum()),
        threshold=found.threshold,
        authentic=found.authentic,
        closest=[[int(fake.first[f]), int(real.first[r]), float(d)] for f, r, d in rows],
    )  # fmt: skip
