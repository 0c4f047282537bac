"""`make soak` in small: films and live sources through everything, with flat memory."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


@pytest.mark.skipif(sys.platform != "linux", reason="tells memory by /proc")
@pytest.mark.parametrize("what", ["film", "live"])
def test_memory_stays_flat(what: str) -> None:
    command = [sys.executable, str(SOAK), "--frames", "240", "--what", what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = re.match(rf"{what}: (\d+) frames, (\d+) dropped", done.stdout)
    assert told is not None
    written, dropped = map(int, told.groups())
    assert written + dropped == 240
    assert what == "live" or not dropped
