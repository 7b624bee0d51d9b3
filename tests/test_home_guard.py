"""The guard of conftest.py is itself tested: a test may not touch home."""

import os
from pathlib import Path

from mrbench.files import home


def test_home_is_a_folder_of_the_test(tmp_path: Path) -> None:
    assert Path.home().is_relative_to(tmp_path)
    assert home().is_relative_to(tmp_path)
    assert Path(os.environ["MRBENCH_LOCKS"]).is_relative_to(tmp_path)
