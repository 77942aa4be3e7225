"""Ask questions of rows that you never see, and get totals by group, each with its error.

import unseen

lab = unseen.connect("https://lab.example.gov:8443", key="wang.pem")
lab.dataset("enterprises").twin().to_pandas()     # made-up rows, to try things on
lab.ask("SELECT town, AVG(land) FROM enterprises GROUP BY town", error="5 %")   # a job without code
lab.check("my-job")                               # what it costs, how exact it will be
release = lab.submit("my-job").wait().release()   # signed with your key, here
release.outputs["by_town"].to_pandas()            # value, low, high, sd of every group
release.verify(log_vkey=...)                      # that these are the numbers that the log names
"""

from .dataset import Dataset
from .errors import NotVerified, Refused, Unreachable, UnseenError
from .job import Check, Job
from .lab import Lab, connect
from .question import Question
from .receipt import Receipt, Verified, verify
from .release import Output, Release
from .table import Table

__version__ = "0.2.0"

__all__ = [
    "Check",
    "Dataset",
    "Job",
    "Lab",
    "NotVerified",
    "Output",
    "Question",
    "Receipt",
    "Refused",
    "Release",
    "Table",
    "Unreachable",
    "UnseenError",
    "Verified",
    "connect",
    "verify",
]
