"""Frame in, matte out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livematte import weights
from livematte.engines import Engine, open_engine
from livematte.errors import ModelError
from livematte.refinement import Cleaning, refine_matte
from livematte.refinement.grabcut import grabcut_matte
from livematte.refinement.region import View, person_box, view_around
from livematte.spec import ModelSpec
from livematte.stream import SegmenterStream, Steady, check_frame
from livematte.transforms import crop_matte, fit_image, resize, shaped

__all__ = ["Care", "Segmenter", "load", "person_found", "person_fraction"]

_log = logging.getLogger(__name__)

_FOUND = 0.002  # of the picture: less is a speck that some network took for a person


@dataclass(frozen=True)
class Care:
    """What a segmenter does besides running its model.

    Attributes:
        region: look closer where the person is small: a picture is segmented once more where
            the person was found, and a video's view follows them.
        cleaning: what to tidy in each matte.
        grabcut: decide the doubtful pixels of still pictures by their colours; see
            :func:`livematte.refinement.grabcut.grabcut_matte`.
    """

    region: bool = True
    cleaning: Cleaning | None = None
    grabcut: bool = False


class Segmenter:
    """A model ready to cut people out of pictures.

    Attributes:
        engine: what runs the model; ``engine.name``, ``engine.device`` and ``engine.threads``
            tell how.
        care: what is done besides.
    """

    def __init__(self, engine: Engine, care: Care = Care()) -> None:
        self.engine = engine
        self.care = care

    @property
    def spec(self) -> ModelSpec:
        """What the model says about itself."""
        return self.engine.spec

    def taking(self, care: Care) -> Segmenter:
        """The same model, with other care."""
        return Segmenter(self.engine, care)

    def stream(self, *, steady: Steady | None = None, live: bool = False) -> SegmenterStream:
        """The same with a memory, for the frames of one video.

        Args:
            steady: see :class:`livematte.stream.SegmenterStream`.
            live: for more frames in a second, see :class:`livematte.stream.SegmenterStream`.
        """
        return SegmenterStream(
            self.engine,
            steady=steady,
            region=self.care.region,
            cleaning=self.care.cleaning,
            live=live,
        )

    def segment(self, image: NDArray[np.uint8], *, refine: bool = True) -> NDArray[np.float32]:
        """The matte of a picture.

        Args:
            image: H×W×3 uint8 RGB.
            refine: lift the model's matte along the picture's edges; False: bilinearly.

        Returns:
            H×W float32 alpha in [0, 1]: 1 is person.

        Raises:
            UsageError: ``image`` is not H×W×3 uint8 or has no pixels.
            ModelError: the model fails, or answers with NaN or infinity.
            DeviceError: the device fails.
        """
        check_frame(image)
        view = View.whole(*image.shape[:2])
        matte = self._matte(image)
        if self.care.region and (box := person_box(matte, view)) is not None:
            closer = view_around(box, view.size, self.spec)
            if not closer.is_whole:
                view, matte = closer, self._matte(closer.of(image))
        part = view.of(image)
        if self.care.grabcut:
            matte = grabcut_matte(matte, part)
        if self.care.cleaning is not None:
            matte = self.care.cleaning(matte)
        alpha = refine_matte(matte, part) if refine else resize(matte, *part.shape[:2])
        return view.put(alpha)

    def _matte(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The model's matte of all of a picture, at its own size."""
        height, width = image.shape[:2]
        spec = shaped(height, width, self.spec)
        return crop_matte(self.engine.run(fit_image(image, spec)), height, width, spec)


def load(
    name_or_path: str | Path | None = None,
    *,
    engine: str = "auto",
    device: str = "auto",
    threads: int | None = None,
    precision: str | None = None,
    spec: ModelSpec | str | Path | None = None,
) -> Segmenter:
    """Open a model; without arguments the bundled default, offline.

    Args:
        name_or_path: a bundled model's name (which goes before a file of that name) or a model
            file.
        engine: ``auto`` (by the file's suffix) or one of :data:`livematte.engines.ENGINES`.
        device: ``auto``, ``cpu``, ``cuda``, or another one of the engine's; what was taken is
            logged, and is ``segmenter.engine.device``.
        threads: of one run; None leaves the choice to the engine.
        precision: see :func:`livematte.engines.open_engine`.
        spec: for a file without one: the spec, or its JSON file.

    Raises:
        UsageError: no such engine, device or precision, fewer than one thread, or far more than
            cores.
        MissingExtra: the engine is not installed.
        ModelError: a missing, damaged or foreign file, or one that is not what its digest says.
        DeviceError: the device cannot be had.
    """
    path = _locate(name_or_path)
    opened = open_engine(
        path,
        engine=engine,
        device=device,
        threads=threads,
        precision=precision,
        spec=_read_spec(spec),
    )
    _log.info(
        "model %s: %s on %s; licence: %s; trained on: %s",
        opened.spec.name,
        opened.name,
        opened.device,
        opened.spec.licence,
        opened.spec.training_data,
    )
    return Segmenter(opened)


def _locate(name_or_path: str | Path | None) -> Path:
    """A bundled model's file by its name, whatever lies in this folder; else the path itself."""
    if name_or_path is None:
        return weights.find().path
    path = Path(name_or_path)
    bare = isinstance(name_or_path, str) and name_or_path == path.name and not path.suffix
    if not bare:
        return path
    shipped = {model.name for model in weights.bundled()}
    try:
        foreign = path.name not in shipped and path.is_file()
    except OSError:  # a name longer than names can be, say
        foreign = False
    return path if foreign else weights.find(path.name).path


def _read_spec(spec: ModelSpec | str | Path | None) -> ModelSpec | None:
    if spec is None or isinstance(spec, ModelSpec):
        return spec
    try:
        text = Path(spec).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{spec}: cannot be read as a model spec ({error})") from error
    return ModelSpec.from_json(text, source=str(spec))


def person_fraction(alpha: NDArray[np.float32]) -> float:
    """How much of the picture a matte (H×W float32 in [0, 1]) covers, in [0, 1]."""
    return float(alpha.mean(dtype=np.float64))


def person_found(alpha: NDArray[np.float32]) -> bool:
    """Whether a matte (H×W float32 in [0, 1]) shows anybody."""
    return bool(np.count_nonzero(alpha > 0.5) >= _FOUND * alpha.size)
