"""Does MediaPipe's ImageSegmenter give the matte that LiteRT gives? `make check-mediapipe` asks.

    python check_mediapipe.py prepare FOLDER      in livematte's environment
    python check_mediapipe.py compare FOLDER      in one with MediaPipe 0.10.21, which needs NumPy 1

The first exports the bundled model and writes a portrait of its input size with the matte that our
engine gives; the second runs the file in MediaPipe and fails beyond a thousandth.
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
    from livematte.images import read_picture
    from livematte.transforms import fit_image

    path = folder / "model.tflite"
    try:
        main(["export", "livematte", "--to", "mediapipe", "-o", str(path)])
    except SystemExit as stop:
        if stop.code:
            raise
    engine = open_engine(path, threads=1)
    fitted = fit_image(read_picture(PORTRAIT).rgb, engine.spec)
    # MediaPipe takes bytes, so both are given the same ones.
    picture = np.rint(fitted * 255).astype(np.uint8)
    np.save(folder / "picture.npy", picture)
    np.save(folder / "matte.npy", engine.run(picture.astype(np.float32) / 255))


def compare(folder: Path) -> int:
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.ImageSegmenterOptions(
        base_options=BaseOptions(model_asset_path=str(folder / "model.tflite")),
        output_confidence_masks=True,
        output_category_mask=False,
    )
    picture, wanted = (np.load(folder / f"{name}.npy") for name in ("picture", "matte"))
    with vision.ImageSegmenter.create_from_options(options) as segmenter:
        labels = segmenter.labels
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
        masks = segmenter.segment(image).confidence_masks
    difference = np.abs(masks[0].numpy_view() - wanted)
    print(
        f"MediaPipe {mediapipe.__version__}: {len(masks)} mask of {masks[0].width}×"
        f"{masks[0].height}, labels {labels}, largest difference from our engine "
        f"{difference.max():.2g}, mean {difference.mean():.2g}"
    )
    return int(len(masks) != 1 or labels != ["person"] or not difference.max() <= LARGEST)


if __name__ == "__main__":
    step, place = sys.argv[1], Path(sys.argv[2])
    place.mkdir(parents=True, exist_ok=True)
    sys.exit({"prepare": prepare, "compare": compare}[step](place))
