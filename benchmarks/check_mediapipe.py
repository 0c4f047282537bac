"""Does MediaPipe's ImageSegmenter give the matte that LiteRT gives? `make check-mediapipe` asks.

    python check_mediapipe.py prepare FOLDER      in livematte's environment
    python check_mediapipe.py compare FOLDER      in one with MediaPipe 0.10.21, which needs NumPy 1

The first exports the bundled models that come with a checkpoint and take no prior, in every
precision, and writes a portrait of their input size with the matte that our engine gives; the
second runs the files in MediaPipe and fails where one of them is off by more than a thousandth.
"""

# Each half runs where the other one's packages are not.
# ruff: noqa: PLC0415

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

PORTRAIT = Path(__file__).parents[1] / "examples" / "portrait.png"
LARGEST = 1e-3


def prepare(folder: Path) -> None:
    from livematte.cli import main
    from livematte.engines import open_engine
    from livematte.export.targets import TARGETS
    from livematte.images import read_picture
    from livematte.transforms import fit_image
    from livematte.weights import bundled

    for old in folder.glob("*.tflite"):
        old.unlink()
    rgb = read_picture(PORTRAIT).rgb
    for entry in bundled():
        trained = entry.checkpoint is not None
        if entry.spec.prior or not trained:
            print(f"{entry.name}: left out, {'it has a prior' if trained else 'no checkpoint'}")
            continue
        for precision in TARGETS["mediapipe"].precisions:
            path = folder / f"{entry.name}-{precision}.tflite"
            command = ["export", entry.name, "--to", "mediapipe", "--precision", precision]
            try:
                main([*command, "-o", str(path)])
            except SystemExit as stop:
                if stop.code:
                    raise
            engine = open_engine(path, threads=1)
            # MediaPipe takes bytes, so both are given the same ones.
            picture = np.rint(fit_image(rgb, engine.spec) * 255).astype(np.uint8)
            np.save(path.with_suffix(".picture.npy"), picture)
            matte = engine.run(picture.astype(np.float32) / 255)
            np.save(path.with_suffix(".matte.npy"), matte)


def compare(folder: Path) -> int:
    import mediapipe

    print(f"MediaPipe {mediapipe.__version__}")
    files = sorted(folder.glob("*.tflite"))
    answers = [agrees(path) for path in files]
    return int(not answers or not all(answers))


def agrees(path: Path) -> bool:
    """Whether MediaPipe gives one mask of a person, and our engine's."""
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.ImageSegmenterOptions(
        base_options=BaseOptions(model_asset_path=str(path)),
        output_confidence_masks=True,
        output_category_mask=False,
    )
    picture, wanted = (np.load(path.with_suffix(f".{name}.npy")) for name in ("picture", "matte"))
    with vision.ImageSegmenter.create_from_options(options) as segmenter:
        labels = segmenter.labels
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
        masks = segmenter.segment(image).confidence_masks
    difference = np.abs(masks[0].numpy_view() - wanted)
    good = len(masks) == 1 and labels == ["person"] and bool(difference.max() <= LARGEST)
    print(
        f"{path.name}: {'good' if good else 'BAD'}; {len(masks)} mask of {masks[0].width}×"
        f"{masks[0].height}, labels {labels}, largest difference from our engine "
        f"{difference.max():.2g}, mean {difference.mean():.2g}"
    )
    return good


if __name__ == "__main__":
    step, place = sys.argv[1], Path(sys.argv[2])
    place.mkdir(parents=True, exist_ok=True)
    sys.exit({"prepare": prepare, "compare": compare}[step](place))
