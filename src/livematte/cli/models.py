"""``livematte models``: what ships."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from livematte.spec import ModelSpec
from livematte.weights import DEFAULT, HARMONISER, BundledFile, bundled, find

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="List and show the bundled models.")

_SCORES = {"portraits_miou": "mean IoU", "portraits_boundary_f": "boundary F"}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the bundled models."""
    models = bundled()
    if as_json:
        entries = [{**_entry(model.spec), "name": model.name} for model in models]
        typer.echo(json.dumps(entries, indent=2))
        return
    table = Table("name", "input", "MB", *_SCORES.values(), "licence", box=None, pad_edge=False)
    for model in models:
        spec = model.spec
        scores = [f"{spec.metrics[name]:.1%}" if name in spec.metrics else "" for name in _SCORES]
        megabytes = f"{model.path.stat().st_size / 1e6:.1f}"
        mark = " (default)" if model.name == DEFAULT else ""
        size = f"{spec.height}×{spec.width}"
        table.add_row(model.name + mark, size, megabytes, *scores, spec.licence)
    console = Console()
    console.print(table)
    console.print("Scores are those on held-out portraits; `livematte models show NAME` says more.")
    console.print(
        f"Beside them: {HARMONISER.name}, which fits colours (`livematte models show "
        f"{HARMONISER.name}`).",
        highlight=False,
    )


@app.command("show")
def show_model(
    name: Annotated[str, typer.Argument(help="A bundled model's name.")] = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Show a bundled model's card and spec; also those of the effects' harmoniser."""
    if name == HARMONISER.name:
        _show_harmoniser(as_json)
        return
    model = find(name)
    if as_json:
        typer.echo(json.dumps(_entry(model.spec), indent=2))
        return
    _print_card(model, _entry(model.spec))


def _show_harmoniser(as_json: bool) -> None:
    text = HARMONISER.path.with_suffix(".json").read_text(encoding="utf-8")
    if as_json:
        typer.echo(text, nl=False)
    else:
        _print_card(HARMONISER, json.loads(text))


def _print_card(model: BundledFile, entry: dict[str, object]) -> None:
    console = Console()
    if model.card:
        console.print(Markdown(model.card))
    table = Table("spec", "", box=None, pad_edge=False)
    for key, value in entry.items():
        table.add_row(key, str(value))
    table.add_row("file", str(model.path))
    console.print(table)


def _entry(spec: ModelSpec) -> dict[str, object]:
    return asdict(spec)
