"""The job's logic, on rows made up here: `python3 -m unittest`."""

import sys
import unittest

sys.path.insert(0, "vendor")

import job  # noqa: E402
from shape import Grain  # noqa: E402
from unseen_guest import Done, Next  # noqa: E402
from unseen_guest.testing import grain_of, sums  # noqa: E402


def unit(x: float) -> Grain:
    cells = {"{{value}}": [x * job.X_SCALE] * 2, "{{other}}": [0.8 * x * job.Y_SCALE] * 2}
    return grain_of(Grain, {"{{dataset}}": cells})


class Regression(unittest.TestCase):
    def test_the_slope_is_found(self) -> None:
        units = [unit(number / 10 - 1) for number in range(20)]
        verdict: Next | Done = Next([])
        round = 0
        while isinstance(verdict, Next):
            verdict = job.advance(round, list(verdict.state), sums(job, units, verdict.state))
            round += 1
        self.assertEqual(round, job.ROUNDS)
        self.assertTrue(0.3 < verdict.tables[0].rows[0][0] < 0.8)
