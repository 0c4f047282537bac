#!/bin/sh
# Every way of `livematte image` on the example portrait, with the bundled model.
set -eu
out=${1:-out/demo}
here=$(dirname "$0")
mkdir -p "$out"
livematte image "$here/portrait.png" -o "$out/cutout.png" --cutout
livematte image "$here/portrait.png" -o "$out/alpha.png" --alpha
livematte image "$here/portrait.png" -o "$out/blurred.jpg" --background blur
livematte image "$here/portrait.png" -o "$out/replaced.jpg" --background "$here/backdrop.jpg"
