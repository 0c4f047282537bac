"""What a measurement is told of the machine."""

import platform
import subprocess
import sys

import pytest

from livematte.machine import threads_beside_others

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


FILM = """
import resource, sys, threading
import numpy as np
from livematte.machine import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory(any_size=sys.argv[2] == "any")

def work():
    for _ in range(50):
        blocks = [np.ones(int(sys.argv[3]), np.uint8) for _ in range(6)]
        del blocks

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

work()
before = faults()
work()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="there is nothing to ask elsewhere")
@pytest.mark.parametrize(("sizes", "block"), [("usual", 4_000_000), ("any", 40_000_000)])
def test_freed_memory_is_used_again_without_the_system(sizes: str, block: int) -> None:
    def faults(how: str) -> int:
        command = [sys.executable, "-c", FILM, how, sizes, str(block)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert faults("keep") * 10 < faults("leave")


def test_a_film_leaves_most_cores_to_its_other_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, threads in ((1, 1), (2, 1), (8, 2), (16, 4)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert threads_beside_others() == threads
