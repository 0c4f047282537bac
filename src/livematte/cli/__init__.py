"""The command line: parsing and printing only.

Errors that livematte raises on purpose become one line on stderr and the exit code of their kind
(see :mod:`livematte.errors`); an interrupted command exits with 130.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from livematte.cli import image, models
from livematte.errors import LivematteError, MissingExtra

__all__ = ["app", "main"]

_INTERRUPTED = 130
# Which extra brings a module.
_EXTRAS: dict[str, str] = {
    **dict.fromkeys(("torch", "lightning", "kornia", "torchmetrics", "matplotlib"), "train"),
    **dict.fromkeys(("onnx", "onnxscript", "onnxslim", "yaml", "scipy"), "train"),
    "ai_edge_litert": "litert",
    "h5py": "pretrained",
}

app = typer.Typer(
    name="livematte",
    help="Cut people out of pictures, and train the networks that do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from livematte import __version__  # noqa: PLC0415

        typer.echo(f"livematte {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Cut people out of pictures, and train the networks that do."""


app.command("image")(image.command)
app.add_typer(models.app, name="models")
# The training half: these files import what they need inside their commands.
app.add_typer(importlib.import_module("livematte.cli.data").app, name="data")
for _name in ("train", "eval", "export"):
    app.command(_name)(importlib.import_module(f"livematte.cli.{_name}").command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; always ends in :class:`SystemExit`."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="livematte")
    except LivematteError as error:
        _fail(error)
    except ModuleNotFoundError as error:
        missing = _missing_extra(error)
        if missing is None:
            raise
        _fail(missing)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _fail(error: LivematteError) -> None:
    print("livematte:", " ".join(str(error).splitlines()), file=sys.stderr)
    sys.exit(error.exit_code)


def _missing_extra(error: ModuleNotFoundError) -> MissingExtra | None:
    module = (error.name or "").partition(".")[0]
    extra = _EXTRAS.get(module)
    return None if extra is None else MissingExtra(module, extra)
