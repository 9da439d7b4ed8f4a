"""The published table tells of every recording there is, and that each keeps the laws."""

import json
import os
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

from tests.laws.cases import exceptions, recordings
from tests.laws.speakers import SPEAKERS
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

    def test_every_recording_is_tried_or_left_out_for_a_reason() -> None:
        root = Path(os.environ["REFERENCE_DIR"]) / "traffic"
        folders = {speaker.folder for speaker in SPEAKERS}
        there = {
            str(path.relative_to(root).with_suffix(""))
            for folder in folders
            for path in root.glob(f"{folder}/*/*.json")
        }
        tried = {case.id for case in recordings()}
        left_out, beyond = exceptions()["recordings"], exceptions()["beyond"]
        rest = there - tried - left_out.keys()
        unnamed = {id for id in rest if not any(fnmatchcase(id, pattern) for pattern in beyond)}
        assert not unnamed
        assert all(any(fnmatchcase(id, pattern) for id in rest) for pattern in beyond), (
            "one that is beyond nothing"
        )
        assert left_out.keys() <= there
        assert len(tried) > 1000
