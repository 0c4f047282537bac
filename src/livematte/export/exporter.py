"""Build a model file, compare it with torch on a photo, and only then write it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from livematte.engines import open_engine
from livematte.errors import ModelError, UsageError
from livematte.export.graph import MatteGraph, example_inputs
from livematte.export.targets import Job, Target, Tolerance, get_target, load_builder
from livematte.files import write_together
from livematte.images import read_picture
from livematte.networks.base import Network
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
    """

    path: Path
    files: tuple[Path, ...]
    spec: ModelSpec
    engine: str | None
    largest: float | None
    mean: float | None
    notes: tuple[str, ...] = ()


def export_model(
    network: Network,
    spec: ModelSpec,
    path: Path,
    *,
    target: str = "onnx",
    precision: str = "fp32",
    photo: NDArray[np.float32] | None = None,
    tolerance: float | None = None,
    flat: bool = False,
) -> ExportReport:
    """Write a model and the spec beside it; nothing is written when the comparison fails.

    Args:
        network: trained network.
        spec: name, size and provenance; its ``prior`` must be the network's. Its precision and
            layout are set by the export.
        path: the model file, or the folder of a target that needs one.
        target: one of :data:`livematte.export.targets.TARGETS`.
        precision: one that the target offers.
        photo: H×W×3 float32 RGB in [0, 1] of the spec's size to compare on; None takes a portrait
            that comes with livematte.
        tolerance: largest difference from torch that is accepted, a tenth of it in the mean; None
            takes the target's.
        flat: give the matte as one row of H·W numbers, for targets that offer it.

    Raises:
        UsageError: no such target or precision, a network that the target cannot take, or a name
            with another suffix.
        MissingExtra: what the target needs is not installed.
        ModelError: an operator that the target does not have, or a file that disagrees with torch.
        OutputError: the files cannot be written.
    """
    kind = get_target(target)
    _check_request(target, kind, network, spec, path, precision)
    if flat and not kind.flat:
        raise UsageError(f"{kind.title} files have no flat output: leave out --flat")
    build = load_builder(target)
    spec = replace(spec, precision=precision, layout=kind.layout, sha256=None)
    graph = MatteGraph(network).cpu().float()
    example = example_inputs(network, (spec.height, spec.width))
    if photo is None:
        photo = fit_image(read_picture(_PORTRAIT).rgb, spec)
    example = (torch.from_numpy(photo.transpose(2, 0, 1).copy())[None], *example[1:])
    name = spec.name if kind.folder else path.stem
    built = build(Job(graph, spec, example, name, flat))
    model = name + kind.suffix
    files, final = _with_sidecar(built.files, model, spec)
    for other in built.further:
        files, _ = _with_sidecar(files, other, replace(spec, layout="nchw"))
    largest = mean = None
    if kind.engine is not None:
        with torch.no_grad():
            wanted = graph(*example)[0, 0].numpy()
        differences = [
            _difference(wanted, built.runner(files, example)[0, 0].numpy())
            if built.runner
            else _difference(wanted, _run(example, files, entry, engine))
            for entry, engine in {model: kind.engine, **built.further}.items()
        ]
        largest, mean = (max(column) for column in zip(*differences, strict=True))
        accepted = kind.precisions[precision]
        if tolerance is not None:
            accepted = Tolerance(tolerance, tolerance / 10)
        _check(path, largest, mean, accepted)
    folder = path if kind.folder else path.parent
    places = {folder / entry: content for entry, content in files.items()}
    write_together(places)
    return ExportReport(
        folder / model, tuple(places), final, kind.engine, largest, mean, built.notes
    )


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


def _difference(wanted: NDArray[np.float32], answer: NDArray[np.float32]) -> tuple[float, float]:
    """Largest and mean."""
    difference = np.abs(answer - wanted)
    return float(difference.max()), float(difference.mean())


def _check(path: Path, largest: float, mean: float, accepted: Tolerance) -> None:
    """NaN is beyond every tolerance."""
    if largest <= accepted.largest and mean <= accepted.mean:
        return
    raise ModelError(
        f"{path}: not written, the export differs from torch by {largest:.2g}, in the mean "
        f"{mean:.2g} (accepted: {accepted.largest:.2g} and {accepted.mean:.2g}, see --tolerance)"
    )
