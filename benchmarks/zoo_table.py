"""Score the bundled models and released ones on one dataset; prints one Markdown table.

    python benchmarks/zoo_table.py [FILE_OR_FOLDER ...] --data DATASET [--no-bundled] [-o REPORTS]

`livematte bench peers` with the specs of benchmarks/peers; see its help for the other options.
"""

from __future__ import annotations

import sys
from pathlib import Path

from livematte.cli import main

SPECS = Path(__file__).parent / "peers"

if __name__ == "__main__":
    main(["bench", "peers", "--specs", str(SPECS), *sys.argv[1:]])
