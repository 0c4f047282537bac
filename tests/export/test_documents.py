"""The decision table offers what the exports offer."""

from __future__ import annotations

from pathlib import Path

from livematte.export.targets import TARGETS

PAGES = Path(__file__).parents[2] / "docs" / "targets"


def test_the_decision_table_is_complete_and_true() -> None:
    lines = (PAGES / "README.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "](" in line]
    told = {row[2].strip("`"): row for row in rows if len(row) == 6}
    assert set(told) == set(TARGETS)
    for name, target in TARGETS.items():
        assert told[name][3].split(", ") == list(target.precisions)
        assert told[name][5] == f"[{name}.md]({name}.md)"
        assert f"--to {name}" in (PAGES / f"{name}.md").read_text("utf-8")
