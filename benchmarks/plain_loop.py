"""The loop that one writes first: decode, MediaPipe's selfie segmentation, NumPy blend, encode.

    python plain_loop.py FILM --output OUT.mkv        prints the frames per second
    python plain_loop.py FILM --mattes MATTES.npz     keeps its mattes instead, small

Runs where MediaPipe 0.10.21 is, which needs NumPy 1: it knows nothing of livematte. `live.py` has
it take turns with the pipeline. Codec and settings are the pipeline's; how they are called is not.
"""

from __future__ import annotations

import argparse
import json
import time
from fractions import Fraction

import av
import mediapipe
import numpy as np

GREEN = np.array([0, 177, 64])
LANDSCAPE = 1  # MediaPipe's model for video: 144×256, twice as fast as the general one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("film")
    parser.add_argument("--output")
    parser.add_argument("--mattes")
    parser.add_argument("--options", type=json.loads, default={"preset": "veryfast"})
    parser.add_argument("--model", type=int, choices=(0, 1), default=LANDSCAPE)
    arguments = parser.parse_args()
    solution = mediapipe.solutions.selfie_segmentation
    with solution.SelfieSegmentation(model_selection=arguments.model) as selfie:
        if arguments.mattes:
            keep_mattes(arguments.film, selfie, arguments.mattes)
        else:
            print(json.dumps({"fps": loop(arguments, selfie)}))


def loop(arguments: argparse.Namespace, selfie: object) -> float:
    count, start = 0, time.perf_counter()
    with av.open(arguments.film) as film, av.open(arguments.output, "w") as out:
        given = film.streams.video[0]
        given.thread_type = "AUTO"
        stream = out.add_stream("libx264", rate=given.average_rate, options=arguments.options)
        stream.width, stream.height, stream.pix_fmt = given.width, given.height, "yuv420p"
        for frame in film.decode(given):
            image = frame.to_ndarray(format="rgb24")
            matte = selfie.process(image).segmentation_mask[..., None]
            blended = matte * image + (1 - matte) * GREEN
            picture = av.VideoFrame.from_ndarray(blended.astype(np.uint8), format="rgb24")
            picture.pts, picture.time_base = count, 1 / Fraction(given.average_rate)
            out.mux(stream.encode(picture))
            count += 1
        out.mux(stream.encode(None))
    return count / (time.perf_counter() - start)


def keep_mattes(path: str, selfie: object, target: str) -> None:
    mattes = []
    with av.open(path) as film:
        for frame in film.decode(video=0):
            matte = selfie.process(frame.to_ndarray(format="rgb24")).segmentation_mask
            mattes.append(np.rint(matte[::2, ::2] * 255).astype(np.uint8))
    np.savez_compressed(target, mattes=np.stack(mattes))


if __name__ == "__main__":
    main()
