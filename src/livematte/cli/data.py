"""``livematte data``: check, synthesize, preview, mend, and carry datasets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from livematte.errors import UsageError

if TYPE_CHECKING:
    from livematte.data.check import Report

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Check datasets, make composites, see what a network will be shown, let a model propose "
    "or doubt masks, and carry datasets.",
)

_SHOWN = 20

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a dataset, or of several.")]
Layout = Annotated[
    str, typer.Option(help="Layout of the dataset; 'auto' recognises it (see docs/data.md).")
]


@contextmanager
def _progress(title: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, which takes (done, total)."""
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@app.command()
def check(
    folder: Folder,
    layout: Layout = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write the report as JSON.")] = False,
) -> None:
    """Find what would spoil training, and name the files. Exit code 3 when there is something."""
    from livematte.data.check import check as look_over  # noqa: PLC0415 - heavy

    with _progress("Reading", quiet=as_json) as progress:
        report = look_over(folder, layout=layout, progress=progress)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        _print(report)
    if report.serious:
        raise typer.Exit(3)


def _print(report: Report) -> None:
    from livematte.data.inspection import KINDS  # noqa: PLC0415 - heavy

    for name, count in report.samples.items():
        typer.echo(f"{name}: {count} samples")
    for kind, count in report.counts.items():
        mark = "error" if KINDS[kind].serious else "note"
        typer.echo(f"\n{mark}: {KINDS[kind].title}: {count}")
        found = [problem for problem in report.problems if problem.kind == kind]
        for problem in found[:_SHOWN]:
            detail = f" ({problem.detail})" if problem.detail else ""
            typer.echo(f"  {', '.join(problem.files)}{detail}")
        if count > _SHOWN:
            typer.echo(f"  and {count - _SHOWN} more; --json lists them all")
    if not report.problems:
        typer.echo("no problems found")


@app.command()
def synthesize(
    people: Annotated[Path, typer.Option(help="Dataset of people with masks.")],
    backgrounds: Annotated[Path, typer.Option(help="Folder of pictures without people.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    count: Annotated[int, typer.Option(min=1, help="How many composites.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same pictures.")] = 1,
    shadow: Annotated[bool, typer.Option("--shadow", help="Let people cast shadows.")] = False,
    size: Annotated[int, typer.Option(min=64, help="Longest side, in pixels, at most.")] = 640,
    split: Annotated[
        str, typer.Option(help="Which part of the sources: train, validation or all.")
    ] = "train",
) -> None:
    """Put people on new backgrounds; the same command goes on where it was stopped."""
    from livematte.data.datasets import Backgrounds, open_dataset  # noqa: PLC0415 - heavy
    from livematte.data.production import produce  # noqa: PLC0415
    from livematte.data.synthesis import SynthesisConfig  # noqa: PLC0415

    part = None if split == "all" else split
    cast = open_dataset(people, split=part)
    scenery = Backgrounds.open(backgrounds, split=part)
    config = SynthesisConfig(size=size, shadow=shadow)
    with _progress("Composing") as progress:
        made = produce(
            cast, scenery, output, count=count, seed=seed, config=config, progress=progress
        )
    typer.echo(f"{output}: {made} composites made, {count - made} were there")


@app.command()
def preview(
    folder: Folder,
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write (PNG).")],
    recipe: Annotated[str, typer.Option(help="Bundled recipe, or a YAML file.")] = "livematte",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="key=value into the recipe.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=256, help="How many pictures.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 1,
) -> None:
    """Draw a batch as training would, and write what the network will really see."""
    from dataclasses import replace  # noqa: PLC0415

    from livematte.data.files import write_picture  # noqa: PLC0415
    from livematte.data.preview import contact_sheet  # noqa: PLC0415
    from livematte.training.batches import BatchMaker, seed_step  # noqa: PLC0415
    from livematte.training.recipe import load_recipe  # noqa: PLC0415
    from livematte.training.store import load_training  # noqa: PLC0415

    if output.suffix.lower() != ".png":
        raise UsageError(f"{output}: the sheet is a PNG; give a name that ends in .png")
    chosen = load_recipe(recipe, overrides or [])
    with _progress("Reading") as progress:
        store = load_training(folder, chosen.data, progress=progress)
    seed_step(seed, 0, 0)
    batch = BatchMaker(store, chosen)(replace(chosen.stages[-1], batch_size=count))
    images = (batch.image * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    sheet = contact_sheet(
        list(images),
        list(batch.alpha[:, 0].cpu().numpy()),
        ignore=list(batch.valid[:, 0].cpu().numpy() == 0),
        priors=None if batch.prior is None else list(batch.prior[:, 0].cpu().numpy()),
    )
    write_picture(output, sheet)
    typer.echo(output)


Opinion = Annotated[
    str | None,
    typer.Option("--model", help="A bundled model's name, a model file, or a .ckpt of training."),
]
Sure = Annotated[
    float, typer.Option(min=0.5, max=1.0, help="Alpha from which the model's word counts.")
]


@app.command()
def clean(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of one dataset.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")],
    model: Opinion = None,
    layout: Layout = "auto",
    sure: Sure = 0.9,
) -> None:
    """Copy a dataset, with void where a sure model contradicts a mask that is trained on."""
    from livematte.data.opinion import DOUBTS, OpinionConfig  # noqa: PLC0415 - heavy
    from livematte.data.opinion import clean as clean_masks  # noqa: PLC0415
    from livematte.segmenter import load  # noqa: PLC0415

    segment, config = load(model).segment, OpinionConfig(sure)
    with _progress("Looking") as progress:
        doubts = clean_masks(
            folder, segment, output, layout=layout, config=config, progress=progress
        )
    typer.echo(f"{output}: {len(doubts)} masks doubted; {output / DOUBTS} names them")


@app.command()
def propose(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of pictures.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")],
    model: Opinion = None,
    sure: Sure = 0.9,
) -> None:
    """Make a dataset of pictures without masks: a model's masks, for a person to put right."""
    from livematte.data.datasets import Backgrounds  # noqa: PLC0415 - heavy
    from livematte.data.opinion import DOUBTS, OpinionConfig  # noqa: PLC0415
    from livematte.data.opinion import propose as propose_masks  # noqa: PLC0415
    from livematte.segmenter import load  # noqa: PLC0415

    pictures = Backgrounds.open(folder)
    segment, config = load(model).segment, OpinionConfig(sure)
    with _progress("Looking") as progress:
        doubts = propose_masks(pictures, segment, output, config=config, progress=progress)
    typer.echo(
        f"{output}: {len(pictures)} masks; the model doubts parts of {len(doubts)}, "
        f"{output / DOUBTS} names them"
    )


@app.command()
def pack(
    folder: Folder,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the shards.")],
    megabytes: Annotated[float, typer.Option(min=0.1, help="Size of a shard at most.")] = 60.0,
) -> None:
    """Write a folder into tar files of bounded size, to be carried to another machine."""
    from livematte.data.shards import pack as write_shards  # noqa: PLC0415 - heavy

    with _progress("Packing") as progress:
        shards = write_shards(folder, output, megabytes=megabytes, progress=progress)
    for shard in shards:
        typer.echo(shard)


@app.command()
def unpack(
    shards: Annotated[Path, typer.Argument(metavar="SHARDS", help="Folder of the tar files.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")],
) -> None:
    """Write back what pack packed; the folder appears whole or not at all."""
    from livematte.data.shards import unpack as read_shards  # noqa: PLC0415 - heavy

    with _progress("Unpacking") as progress:
        read_shards(shards, output, progress=progress)
    typer.echo(output)
