"""What is said of recordings is tried where there are recordings."""

import os

collect_ignore_glob = [] if "REFERENCE_DIR" in os.environ else ["test_*_sdk.py", "test_*_recorded.py"]
