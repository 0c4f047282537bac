"""What a measurement is told of the machine."""

import subprocess
import sys

import pytest

PARENT = """
import subprocess, sys
held = bytearray(300_000_000)
held[::4096] = b"x" * len(held[::4096])
code = "from livematte.machine import peak_memory; print(peak_memory())"
print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count as they do")
def test_a_process_does_not_answer_for_its_parent() -> None:
    done = subprocess.run([sys.executable, "-c", PARENT], capture_output=True, text=True)
    assert 5_000_000 < int(done.stdout) < 200_000_000
