"""Lay the demo's pictures side by side, as the README shows them.

make demo && python examples/make_picture.py out/demo docs/demo.jpg
"""

import sys
from pathlib import Path

import cv2
import numpy as np

HEIGHT = 360


def read(path: Path) -> np.ndarray:
    """One picture at the sheet's height; transparency becomes magenta."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture.ndim == 2:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    elif picture.shape[2] == 4:
        alpha = picture[..., 3:] / np.float32(255)
        picture = picture[..., :3] * alpha + np.float32([255, 0, 255]) * (1 - alpha)
        picture = picture.round().astype(np.uint8)
    width = round(picture.shape[1] * HEIGHT / picture.shape[0])
    return cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_AREA)


def main(demo: Path, sheet: Path) -> None:
    """Write the sheet."""
    source = Path(__file__).with_name("portrait.png")
    names = ("alpha.png", "cutout.png", "blurred.jpg", "replaced.jpg")
    pictures = [read(path) for path in (source, *(demo / name for name in names))]
    cv2.imwrite(str(sheet), np.hstack(pictures), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
