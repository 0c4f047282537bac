"""Build a model file, compare it with torch on a photo, and only then write it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from livematte.engines import open_engine
from livematte.errors import ModelError, OutputError, UsageError
from livematte.export.graph import MatteGraph, example_inputs
from livematte.export.targets import (
    INTEGERS,
    TARGETS,
    Built,
    Job,
    Target,
    Tolerance,
    get_target,
    load_builder,
)
from livematte.files import write_together
from livematte.images import read_picture
from livematte.networks.base import Network
from livematte.networks.quantised import QuantisedNetwork
from livematte.quantization.methods import Quantisation
from livematte.spec import ModelSpec
from livematte.transforms import fit_image

__all__ = ["ExportReport", "export_model"]

# The portrait of examples/, smaller: astronaut Eileen M. Collins by NASA, in the public domain.
_PORTRAIT = Path(__file__).parent / "portrait.jpg"


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote, and how far its answers are from torch's.

    Attributes:
        path: the model file; its spec is beside it, with the suffix ``.json``.
        files: all that was written.
        spec: the spec with the file's digest.
        engine: ran the file for the comparison; None where none can, and nothing was compared.
        largest, mean: absolute difference of the mattes.
        notes: what the target says to its user.
        iou: what the two mattes share of the person, where alpha is above one half.
    """

    path: Path
    files: tuple[Path, ...]
    spec: ModelSpec
    engine: str | None
    largest: float | None
    mean: float | None
    notes: tuple[str, ...] = ()
    iou: float | None = None


def export_model(
    network: Network,
    spec: ModelSpec,
    path: Path,
    *,
    target: str = "onnx",
    precision: str | None = None,
    quantisation: Quantisation | None = None,
    photo: NDArray[np.float32] | None = None,
    tolerance: float | None = None,
    flat: bool = False,
    any_size: bool = False,
) -> ExportReport:
    """Write a model and the spec beside it; nothing is written when the comparison fails.

    Args:
        network: trained network.
        spec: name, size and provenance; its ``prior`` must be the network's. Its precision and
            layout are set by the export.
        path: the model file, or the folder of a target that needs one.
        target: one of :data:`livematte.export.targets.TARGETS`.
        precision: one that the target offers; None takes its first.
        quantisation: how to come to int8; None stores the weights alone in integers.
        photo: H×W×3 float32 RGB in [0, 1] of the spec's size to compare on; None takes a portrait
            that comes with livematte.
        tolerance: largest difference from torch that is accepted, a tenth of it in the mean; for
            int8 what the IoU may lack of 1, and the largest mean difference. None takes the
            target's.
        flat: give the matte as one row of H·W numbers, for targets that offer it.
        any_size: leave height and width free, in steps of the network's stride, for targets that
            offer it; see :func:`livematte.transforms.shaped`.

    Raises:
        UsageError: no such target, precision or method, a network that the target cannot take, a
            name with another suffix, or one whose spec would replace that of another model.
        MissingExtra: what the target needs is not installed.
        ModelError: an operator that the target does not have, or a file that disagrees with torch.
        OutputError: the files cannot be written.
    """
    kind = get_target(target)
    precision = precision or next(iter(kind.precisions))
    _check_request(target, kind, network, spec, path, precision)
    if flat and not kind.flat:
        raise UsageError(f"{kind.title} files have no flat output: leave out --flat")
    if any_size and not kind.any_size:
        raise UsageError(f"{kind.title} files are made for one size: leave out --any-size")
    quantisation = _check_quantisation(target, kind, precision, quantisation)
    build = load_builder(target)
    step = network.stride if any_size else 0
    spec = replace(spec, precision=precision, layout=kind.layout, step=step, sha256=None)
    graph = MatteGraph(_choose_network(network, quantisation)).cpu().float()
    example = _example(graph, spec, photo, quantised=quantisation is not None)
    name = spec.name if kind.folder else path.stem
    built = build(Job(graph, spec, example, name, flat, quantisation))
    model = name + kind.suffix
    if kind.folder:
        _check_replaced(path, model, built.files)
    files, final = _with_sidecar(built.files, model, spec)
    for other in built.further:
        files, _ = _with_sidecar(files, other, replace(spec, layout="nchw"))
    compare = partial(
        _compare, graph, built=built, files=files, engines={model: kind.engine, **built.further}
    )
    compared = compare(example)
    accepted = _accepted(kind, precision, tolerance)
    _check(path, compared, accepted)
    if any_size:
        wider = replace(spec, width=spec.width + step)
        another = _example(graph, wider, None, quantised=quantisation is not None)
        try:
            _check(path, compare(another), accepted)
        except ModelError as error:
            raise ModelError(f"{error}: leave out --any-size") from error
    folder = path if kind.folder else path.parent
    places = {folder / entry: content for entry, content in files.items()}
    write_together(places)
    return ExportReport(
        folder / model,
        tuple(places),
        final,
        kind.engine,
        notes=built.notes,
        **(asdict(compared) if compared else {"largest": None, "mean": None}),
    )


def _example(
    graph: MatteGraph, spec: ModelSpec, photo: NDArray[np.float32] | None, *, quantised: bool
) -> tuple[torch.Tensor, ...]:
    """What the file and torch are compared on: a photo, and a prior where the network takes one."""
    if photo is None:
        photo = fit_image(read_picture(_PORTRAIT).rgb, spec)
    image = torch.from_numpy(photo.transpose(2, 0, 1).copy())[None]
    _, *priors = example_inputs(graph.network, (spec.height, spec.width))
    if quantised and priors:
        # Noise is no matte, and outside the ranges that were measured.
        with torch.no_grad():
            priors = [graph(image, torch.zeros_like(priors[0]))]
    return (image, *priors)


def _check_request(
    name: str, target: Target, network: Network, spec: ModelSpec, path: Path, precision: str
) -> None:
    """What can be told before the work."""
    if precision not in target.precisions:
        raise UsageError(
            f"{name} is not built in {precision}: take one of {', '.join(target.precisions)}"
        )
    if network.prior and not target.prior:
        raise UsageError(f"{target.title} feeds no prior: export a network without one")
    if network.prior != spec.prior:
        raise UsageError(f"the spec of {spec.name} must have prior={network.prior}")
    if not target.folder and path.suffix != target.suffix:
        raise UsageError(f"{path}: a file of {target.title} ends in {target.suffix}")
    if target.folder and Path(spec.name).name != spec.name:
        raise UsageError(f"{spec.name!r} cannot be the name of a file: give another (--name)")
    model = path / f"{spec.name}{target.suffix}" if target.folder else path
    remedy = "another folder (-o)"
    if not target.folder:
        another = f"{path.stem}-{path.suffix[1:]}{path.suffix}"
        remedy = f"another name (-o {another}) or another folder"
    _check_sidecar(model, remedy)
    _check_place(model)


def _check_sidecar(model: Path, remedy: str) -> None:
    """Engines find a model's spec by its stem, so that two models cannot share one."""
    beside = model.with_name(f"{model.stem}.json")
    others = {target.suffix for target in TARGETS.values()} - {model.suffix}
    for other in (model.with_name(f"{model.stem}{suffix}") for suffix in sorted(others)):
        if beside.exists() and other.exists():
            raise UsageError(
                f"{beside} is the spec of {other.name}, which needs it: choose {remedy}"
            )


def _check_replaced(folder: Path, model: str, files: Mapping[str, bytes]) -> None:
    """An export replaces what it wrote before, not somebody's README."""
    taken = [name for name in files if (folder / name).exists()]
    if taken and not (folder / model).exists():
        raise UsageError(
            f"{folder}: its {', '.join(sorted(taken))} would be replaced, and without {model} "
            "it is no earlier export: choose another folder (-o)"
        )


def _check_place(model: Path) -> None:
    """As far as can be told without writing anything."""
    nearest = next(folder for folder in model.absolute().parents if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        reason = "it is write-protected" if nearest.is_dir() else "it is not a folder"
        raise OutputError(f"{model}: cannot be written to {nearest} ({reason}); choose another")


def _check_quantisation(
    name: str, target: Target, precision: str, quantisation: Quantisation | None
) -> Quantisation | None:
    """How to come to the precision; None for floats."""
    if precision != "int8":
        if quantisation is not None:
            raise UsageError(f"{precision} is not quantised: ask for int8")
        return None
    quantisation = quantisation or Quantisation("weight-only")
    if quantisation.method not in target.methods:
        hint = "; static needs --calibration FOLDER" if target.methods == ("static",) else ""
        raise UsageError(
            f"{name} is not quantised {quantisation.method}: take one of "
            f"{', '.join(target.methods)}{hint}"
        )
    return quantisation


def _choose_network(network: Network, quantisation: Quantisation | None) -> Network:
    """Of quantisation-aware training: its integers where they are asked for, else its floats."""
    learnt = quantisation is not None and quantisation.method == "learnt"
    if isinstance(network, QuantisedNetwork):
        return network.freeze() if learnt else network.unrounded()
    if learnt:
        raise UsageError(
            "learnt needs a checkpoint of quantisation-aware training (livematte quantize --qat)"
        )
    return network


def _with_sidecar(
    files: Mapping[str, bytes], model: str, spec: ModelSpec
) -> tuple[dict[str, bytes], ModelSpec]:
    """The files and the JSON beside the model, whose digest it holds."""
    content = files.get(model)  # a format whose model is a folder has none
    digest = None if content is None else hashlib.sha256(content).hexdigest()
    final = replace(spec, sha256=digest)
    return {**files, f"{Path(model).stem}.json": final.to_json().encode()}, final


def _run(
    example: tuple[torch.Tensor, ...], files: Mapping[str, bytes], model: str, engine: str
) -> NDArray[np.float32]:
    """The matte that a model gives, through the engine users run."""
    arrays = [x[0].permute(1, 2, 0).numpy() for x in example]
    prior = arrays[1][..., 0] if len(arrays) == 2 else None
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            place = Path(folder) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        opened = open_engine(Path(folder) / model, engine=engine, device="cpu", threads=1)
        return opened.run(arrays[0], prior)


@dataclass(frozen=True)
class _Comparison:
    """How far a matte is from torch's; fields as in :class:`ExportReport`."""

    largest: float
    mean: float
    iou: float


def _compare(
    graph: MatteGraph,
    example: tuple[torch.Tensor, ...],
    *,
    built: Built,
    files: Mapping[str, bytes],
    engines: Mapping[str, str | None],
) -> _Comparison | None:
    """The worst of all models among the files; None where nothing runs them."""
    with torch.no_grad():
        wanted = graph(*example)[0, 0].numpy()
    found = []
    for model, engine in engines.items():
        if engine is None:
            return None
        if built.runner:
            answer = built.runner(files, example)[0, 0].numpy()
        else:
            answer = _run(example, files, model, engine)
        found.append(_difference(wanted, answer))
    return _Comparison(
        max(one.largest for one in found),
        max(one.mean for one in found),
        min(one.iou for one in found),
    )


def _difference(wanted: NDArray[np.float32], answer: NDArray[np.float32]) -> _Comparison:
    difference = np.abs(answer - wanted)
    either = (wanted > 0.5) | (answer > 0.5)
    both = (wanted > 0.5) & (answer > 0.5)
    iou = both.sum() / either.sum() if either.any() else 1.0
    return _Comparison(float(difference.max()), float(difference.mean()), float(iou))


def _accepted(target: Target, precision: str, tolerance: float | None) -> Tolerance:
    if tolerance is None:
        return target.precisions[precision]
    if precision == "int8":
        return Tolerance(INTEGERS.largest, tolerance, 1 - tolerance)
    return Tolerance(tolerance, tolerance / 10)


def _check(path: Path, found: _Comparison | None, accepted: Tolerance) -> None:
    """NaN is beyond every tolerance; what could not be compared, within."""
    if found is None or (
        found.largest <= accepted.largest
        and found.mean <= accepted.mean
        and found.iou >= accepted.iou
    ):
        return
    if accepted.iou:
        raise ModelError(
            f"{path}: not written, its matte shares an IoU of {found.iou:.3f} with the float one "
            f"and differs by {found.mean:.2g} in the mean (accepted: {accepted.iou:.3g} and "
            f"{accepted.mean:.2g}, see --tolerance); weight-only is closer"
        )
    raise ModelError(
        f"{path}: not written, the export differs from torch by {found.largest:.2g}, in the mean "
        f"{found.mean:.2g} (accepted: {accepted.largest:.2g} and {accepted.mean:.2g}, see "
        "--tolerance)"
    )
