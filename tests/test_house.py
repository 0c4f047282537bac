"""Habits that hold for every module."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import livematte

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
