"""The published table tells of every recording there is, and that each keeps the laws."""

import json
import os
from collections import Counter
from pathlib import Path

from tests.laws.cases import recordings
from tests.laws.table import name

PROOF = Path(__file__).parents[2] / "docs" / "proof.json"

if "REFERENCE_DIR" in os.environ:

    def test_the_table_counts_every_recording() -> None:
        told = {
            (provider, kind): tuple(counts)
            for provider, kinds in json.loads(PROOF.read_text()).items()
            for kind, counts in kinds.items()
        }
        there = Counter((case.provider, name(case)) for case in recordings())
        assert told == {key: (count, count) for key, count in there.items()}, "run make generate"
