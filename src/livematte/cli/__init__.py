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

from livematte.cli import bench, bgsub, camera, image, models, video
from livematte.cli.console import complain, disk_is_full, flush_output, prepare_streams
from livematte.errors import LivematteError, MissingExtra, OutputError

__all__ = ["app", "main"]

_INTERRUPTED = 130
# Which extra brings a module.
_EXTRAS: dict[str, str] = {
    **dict.fromkeys(("torch", "lightning", "kornia", "torchmetrics", "matplotlib"), "train"),
    **dict.fromkeys(("onnx", "onnxscript", "onnxslim", "yaml", "scipy"), "train"),
    "ai_edge_litert": "litert",
    "openvino": "openvino",
    "h5py": "pretrained",
    "torch_pruning": "prune",
}

app = typer.Typer(
    name="livematte",
    help="Cut people out of pictures and videos, and train the networks that do.",
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
    """Cut people out of pictures and videos, and train the networks that do."""


app.command("image")(image.command)
app.command("video")(video.command)
app.command("bgsub")(bgsub.command)
app.command("camera")(camera.command)
app.add_typer(models.app, name="models")
app.add_typer(bench.app, name="bench")
# The training half: these files import what they need inside their commands.
app.add_typer(importlib.import_module("livematte.cli.data").app, name="data")
for _name in ("train", "queue", "eval", "export", "quantize", "prune"):
    app.command(_name)(importlib.import_module(f"livematte.cli.{_name}").command)
app.command("train-harmoniser")(importlib.import_module("livematte.cli.train_harmoniser").command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; always ends in :class:`SystemExit`."""
    prepare_streams()
    code = _run(arguments)
    error = flush_output()
    if error is not None and not code:
        code = 1 if isinstance(error, BrokenPipeError) else _fail(_full(error))
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int | str | None:
    """The command line's exit code."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="livematte")
    except SystemExit as stop:
        return stop.code
    except LivematteError as error:
        return _fail(error)
    except ModuleNotFoundError as error:
        missing = _missing_extra(error)
        if missing is None:
            raise
        return _fail(missing)
    except OSError as error:
        if not disk_is_full(error):
            raise
        return _fail(_full(error))
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _fail(error: LivematteError) -> int:
    complain(error)
    return error.exit_code


def _full(error: OSError) -> OutputError:
    return OutputError(f"standard output: cannot be written ({error.strerror}); make room")


def _missing_extra(error: ModuleNotFoundError) -> MissingExtra | None:
    module = (error.name or "").partition(".")[0]
    extra = _EXTRAS.get(module)
    return None if extra is None else MissingExtra(module, extra)
