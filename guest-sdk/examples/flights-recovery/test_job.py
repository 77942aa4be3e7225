"""The job's logic, on rows made up here: `python3 -m unittest`."""

import sys
import unittest

sys.path.insert(0, "vendor")

import job  # noqa: E402
from shape import Grain, Reach, Recovery  # noqa: E402
from unseen_guest.testing import contributions, grain_of  # noqa: E402


class Aircraft(unittest.TestCase):
    def test_late_starts_are_summed_by_carrier_and_places_counted_once(self) -> None:
        rows = {
            "carrier": ["AA", "AA", "UA", "AA", "UA"],
            "dep_delay": [20, 15, 60, None, 16],
            "arr_delay": [5, -10, 70, 3, None],
            "dest": ["ORD", "LAX", "ORD", "ORD", "SFO"],
        }
        added = contributions(job, grain_of(Grain, {"flights": rows}))
        wanted = [
            Recovery(carrier="AA", late=1, made_up=15),
            Recovery(carrier="UA", late=1, made_up=-10),
            Reach(destinations="1-4", aircraft=1),
        ]
        self.assertEqual(added, wanted)

    def test_places_have_bins(self) -> None:
        self.assertEqual([job.named(count) for count in (1, 4, 5, 19, 20)], ["1-4", "1-4", "5-9", "10-19", "20+"])
