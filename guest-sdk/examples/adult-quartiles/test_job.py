"""The job's logic, on rows made up here: `python3 -m unittest`."""

import sys
import unittest

sys.path.insert(0, "vendor")

import job  # noqa: E402
from shape import Grain, Quartiles  # noqa: E402
from unseen_guest.testing import contributions, grain_of  # noqa: E402


class Ages(unittest.TestCase):
    def test_each_class_of_income_has_three(self) -> None:
        rows = {"income": ["<=50K"] * 5 + [">50K"], "age": [20, 30, 40, 50, 60, 47]}
        added = contributions(job, grain_of(Grain, {"adult": rows}))
        below = [Quartiles(income="<=50K", share=share, years_over_40=over) for share, over in [(25, -10), (50, 0), (75, 10)]]
        above = [Quartiles(income=">50K", share=share, years_over_40=7) for share in (25, 50, 75)]
        self.assertEqual(added, below + above)
