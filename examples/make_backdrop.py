"""Draw backdrop.jpg: out-of-focus lights on a dusk gradient. Ours, so that it may be shipped."""

from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH = 768, 1024


def main() -> None:
    """Draw the picture beside this file."""
    rng = np.random.default_rng(7)
    rows = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]
    top, bottom = np.float32([110, 50, 25]), np.float32([150, 140, 40])  # BGR
    picture = np.broadcast_to(top * (1 - rows) + bottom * rows, (HEIGHT, WIDTH, 3)).copy()
    for _ in range(70):
        centre = (int(rng.integers(WIDTH)), int(HEIGHT * rng.beta(4, 3)))
        light = np.zeros_like(picture)
        colour = rng.choice([[90, 190, 255], [200, 220, 255], [255, 190, 120]])
        cv2.circle(light, centre, int(rng.integers(12, 60)), colour.tolist(), -1, cv2.LINE_AA)
        picture += cv2.GaussianBlur(light, (0, 0), 2.5) * rng.uniform(0.1, 0.5)
    cv2.imwrite(
        str(Path(__file__).with_name("backdrop.jpg")),
        picture.clip(0, 255).astype(np.uint8),
        [cv2.IMWRITE_JPEG_QUALITY, 85],
    )


if __name__ == "__main__":
    main()
