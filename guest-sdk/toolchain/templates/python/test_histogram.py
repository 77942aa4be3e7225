"""The job's logic, on rows made up here: `python3 -m unittest`."""

import sys
import unittest

sys.path.insert(0, "vendor")

import job  # noqa: E402
from shape import Grain, Sizes  # noqa: E402
from unseen_guest.testing import contributions, grain_of  # noqa: E402


class Histogram(unittest.TestCase):
    def test_a_unit_counts_once_in_the_bin_of_its_mean(self) -> None:
        rows = {
{{#group}}
            "{{group}}": ["{{key}}", "{{key}}", "{{key}}"],
{{/group}}
            "{{value}}": [{{cell_3}}, None, {{cell_5}}],
        }
        added = contributions(job, grain_of(Grain, {"{{dataset}}": rows}))
{{#group}}
        self.assertEqual(added, [Sizes({{id_group}}="{{key}}", bin=4, count=1)])
{{/group}}
{{#whole}}
        self.assertEqual(added, [Sizes(bin=4, count=1)])
{{/whole}}
