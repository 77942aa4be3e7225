"""The job's logic, on rows made up here: `python3 -m unittest`."""

import sys
import unittest

sys.path.insert(0, "vendor")

import job  # noqa: E402
from shape import Grain, Medians  # noqa: E402
from unseen_guest.testing import contributions, grain_of  # noqa: E402


class Median(unittest.TestCase):
    def test_a_block_gives_its_median(self) -> None:
        rows = {
{{#group}}
            "{{group}}": ["{{key}}", "{{key}}", "{{key}}"],
{{/group}}
            "{{value}}": [{{cell_3}}, None, {{cell_5}}],
        }
        added = contributions(job, grain_of(Grain, {"{{dataset}}": rows}))
{{#group}}
        self.assertEqual(added, [Medians({{id_group}}="{{key}}", median={{float_4}})])
{{/group}}
{{#whole}}
        self.assertEqual(added, [Medians(median={{float_4}})])
{{/whole}}
