"""Does the browser bundle give the matte that livematte gives? `make check-browser` asks.

    python check_browser.py FOLDER [--precisions fp32,fp16,int8] [--calibration PICTURES]
                            [--model NAME] [--chromium PATH]

Exports the bundle, installs its two runtimes with npm, serves it on this machine, and has a
headless Chromium cut out the example portrait on the bundle's own page: with LiteRT.js and with
onnxruntime-web, upright and lying on its side with an EXIF orientation. Then compares what came
back with livematte's engines, and fails beyond the limits below. The page may fetch from its own
origin only. FOLDER keeps the bundles and a screenshot of each.

Needs Chromium (Debian: apt-get install chromium) and npm with its registry.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livematte.cli import main as livematte
from livematte.engines import Engine, open_engine
from livematte.export.browser import onnx_name
from livematte.images import read_picture
from livematte.transforms import fit_image, lift_matte

PORTRAIT = Path(__file__).parents[1] / "examples" / "portrait.png"
PAGE = Path(__file__).with_suffix(".html")
PICTURES = ("portrait.png", "sideways.jpg")
CROP = (40, 0, 440, 512)  # not square, so that nothing turned or stretched goes unseen

# Where our engine is fed what the page fed the model: the largest difference, and for int8, whose
# integers each processor rounds in its own way, the mean one.
SAME_INPUT = 1e-3
SAME_INPUT_ROUNDED = 5e-3
WHOLE_WAY = 0.01  # in the mean, where each fits the picture to the model by its own resizing
LEAST_IOU = 0.99
SAME_COLOURS = 4  # of 255, in the mean: JPEG, and colours that went through a canvas
SECONDS = 180

# Nothing from elsewhere, and no eval but WebAssembly's.
POLICY = (
    "default-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' blob: 'unsafe-inline' 'wasm-unsafe-eval'"
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1130,770",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@dataclass
class Given:
    """What the page sent, by name; ``end`` is set after the last."""

    files: dict[str, bytes] = field(default_factory=dict)
    end: threading.Event = field(default_factory=threading.Event)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a bundle, takes what the page sends, and holds one picture back until it is done."""

    extensions_map: ClassVar = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def __init__(self, *args: object, given: Given, directory: str) -> None:
        self.given = given
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def do_GET(self) -> None:
        if self.path == "/hold":
            self.given.end.wait(SECONDS)
            self.send_error(404)
        else:
            super().do_GET()

    def do_POST(self) -> None:
        name = self.path.removeprefix("/given/")
        self.given.files[name] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        if name == "end":
            self.given.end.set()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path, given: Given) -> Iterator[str]:
    """The folder on a free port of this machine."""
    handler = functools.partial(Handler, given=given, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def export(folder: Path, model: str, precision: str, calibration: Path | None) -> None:
    """The bundle, by the command that users run."""
    command = ["export", model, "--to", "browser", "--precision", precision, "-o", str(folder)]
    if precision == "int8" and calibration:
        command += ["--calibration", str(calibration)]
    try:
        livematte(command)
    except SystemExit as stop:
        if stop.code:
            raise


def prepare(folder: Path, packages: Path) -> None:
    """Beside the bundle its runtimes, the pictures and the page that checks it."""
    if not packages.is_dir():
        shutil.copy(folder / "package.json", packages.parent)
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--silent"],
            cwd=packages.parent,
            check=True,
        )
    link = folder / packages.name
    if not link.exists():
        link.symlink_to(packages.resolve(), target_is_directory=True)
    shutil.copy(PAGE, folder / "check.html")
    with Image.open(PORTRAIT) as opened:
        upright = opened.crop(CROP)
        upright.save(folder / PICTURES[0], icc_profile=opened.info.get("icc_profile"))
        turned = upright.transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by 90° clockwise
        turned.save(folder / PICTURES[1], quality=95, exif=exif)


def browse(folder: Path, chromium: str) -> Given:
    """Run the page, and keep its screenshot beside the bundle."""
    given = Given()
    screenshot = folder.with_suffix(".png").resolve()
    with served(folder, given) as address, tempfile.TemporaryDirectory() as profile:
        command = [chromium, *FLAGS, f"--user-data-dir={profile}", f"--screenshot={screenshot}"]
        result = subprocess.run(
            [*command, address + "check.html"], capture_output=True, timeout=2 * SECONDS
        )
    end = json.loads(given.files.get("end", b"{}"))
    if "fetched" not in end:
        log = result.stderr.decode(errors="replace")
        sys.exit(f"{folder}: the page did not come to its end: {end.get('error', log)}")
    strangers = sorted({url for url in end["fetched"] if not url.startswith((address, "blob:"))})
    if strangers:
        sys.exit(f"{folder}: the page fetched {', '.join(strangers)}")
    print(f"{folder}: {end['agent'].split()[-2]}, screenshot {folder.with_suffix('.png')}")
    if end["webgpu"] is None:
        print("  WebGPU: no adapter in this browser, not run")
    else:
        print(f"  WebGPU: {end['webgpu']} is there, not run")
    return given


def compare(folder: Path, model: str, given: Given) -> bool:
    """Whether all that the page gave is within the limits; prints how far it is."""
    good = True
    wanted: NDArray[np.uint8] = read_picture(folder / PICTURES[0]).rgb
    for runtime, name in (("litert", f"{model}.tflite"), ("onnxruntime", onnx_name(model))):
        engine = open_engine(folder / name, threads=1)
        ours = engine.run(fit_image(wanted, engine.spec))
        for picture in PICTURES:
            key = f"{runtime}-{picture}"
            matte = array(given, f"{key}.matte", ours.shape)
            apart = differences(engine, given, key, matte)
            (folder / "cut.png").write_bytes(given.files[f"{key}.png"])
            with Image.open(folder / "cut.png") as opened:
                cut = np.asarray(opened.convert("RGBA"))
            full = lift_matte(matte, *wanted.shape[:2], engine.spec)
            found = {
                "matte": float(np.abs(matte - ours).mean()),
                "cut-out": float(np.abs(cut[..., 3] / 255 - full).mean()),
            }
            iou = ((matte > 0.5) & (ours > 0.5)).sum() / ((matte > 0.5) | (ours > 0.5)).sum()
            inside = full > 0.99
            colours = np.abs(cut[inside][:, :3].astype(int) - wanted[inside]).mean()
            rounded = engine.spec.precision == "int8"
            same = apart.mean() <= SAME_INPUT_ROUNDED if rounded else apart.max() <= SAME_INPUT
            fine = same and iou >= LEAST_IOU and max(found.values()) <= WHOLE_WAY
            fine = bool(fine and colours <= SAME_COLOURS)
            good &= fine
            print(
                f"  {runtime}, {picture}: {'good' if fine else 'BAD'}; from our engine on the same "
                f"input {apart.max():.2g}, mean {apart.mean():.2g}; from our whole way, mean "
                f"{found['matte']:.2g}, IoU {iou:.4f}; cut-out's alpha {found['cut-out']:.2g}, "
                f"colours {colours:.2g} of 255"
            )
    return good


def array(given: Given, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Numbers that the page sent."""
    return np.frombuffer(given.files[name], np.float32).reshape(shape)


def differences(
    engine: Engine, given: Given, key: str, matte: NDArray[np.float32]
) -> NDArray[np.float32]:
    """How far the page's mattes are from our engine's on what the page fed its model."""
    fed = array(given, f"{key}.rgb", (*matte.shape, 3))
    apart = np.abs(engine.run(fed) - matte)
    if not engine.spec.prior:
        return apart
    second = array(given, f"{key}.second", matte.shape)
    return np.concatenate([apart, np.abs(engine.run(fed, matte) - second)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="livematte")
    parser.add_argument("--precisions", default="fp32,fp16,int8")
    parser.add_argument("--calibration", type=Path, help="pictures, for an int8 that computes so")
    parser.add_argument("--chromium", default="chromium")
    options = parser.parse_args()
    missing = [tool for tool in (options.chromium, "npm") if not shutil.which(tool)]
    if missing:
        sys.exit(
            f"check_browser.py needs {' and '.join(missing)} (on Debian: apt-get install chromium "
            "npm); give another browser of its kind with --chromium"
        )
    good = True
    for precision in options.precisions.split(","):
        folder: Path = options.folder / precision
        export(folder, options.model, precision, options.calibration)
        prepare(folder, options.folder / "node_modules")
        good &= compare(folder, options.model, browse(folder, options.chromium))
    print("all good" if good else "beyond the limits")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
