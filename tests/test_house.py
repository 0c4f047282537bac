"""Habits that hold for every module."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import livematte
from livematte import weights

SOURCE = Path(livematte.__file__).parent
MODULES = sorted(
    info.name
    for info in pkgutil.walk_packages([str(SOURCE)], "livematte.")
    if not info.name.startswith("livematte.cli")
)


@pytest.mark.parametrize("name", MODULES)
def test_all_lists_exactly_the_public_members(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    defined = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }
    if not defined:
        return
    listed = module.__all__
    assert len(set(listed)) == len(listed)
    assert defined <= set(listed)
    assert all(hasattr(module, public) for public in listed)


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is(name: str) -> None:
    assert importlib.import_module(name).__doc__


def test_what_users_run_imports_no_heavy_package() -> None:
    heavy = {"torch", "lightning", "kornia", "onnx", "matplotlib", "scipy", "ai_edge_litert"}
    code = (
        "import sys, livematte, livematte.segmenter, livematte.cli.image, livematte.cli.models;"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_the_wheel_stays_small() -> None:
    size = 0
    for path in SOURCE.rglob("*"):
        if path.is_file() and path.suffix not in {".ckpt", ".pyc"}:
            size += len(zlib.compress(path.read_bytes(), 6))
    assert size < 30e6


def test_the_readme_tells_what_the_bundled_models_score() -> None:
    lines = (SOURCE.parents[1] / "README.md").read_text("utf-8").splitlines()
    for model in weights.bundled():
        row = next(line for line in lines if re.match(rf"\| \**`{model.name}`\**[ ,|]", line))
        told = [float(re.sub(r" \(.*", "", cell)) for cell in row.split("|")[3:6]]
        metrics = model.spec.metrics
        found = (metrics["portraits_miou"], metrics["portraits_boundary_f"])
        assert told[0] == pytest.approx(100 * found[0], abs=0.02), model.name
        assert told[1] == pytest.approx(100 * found[1], abs=0.2), model.name
        assert told[2] == pytest.approx(1000 * metrics["portraits_mad"], abs=0.2), model.name
