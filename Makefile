# Two commands do all the set-up: `make demo` and `make test`.

PYTHON ?= python3
OUT ?= out/demo
NEWEST = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "livematte needs Python 3.11 or newer; set PYTHON=")'
INSTALL = install --quiet --quiet --disable-pip-version-check --constraint constraints.txt

FRAMES ?= 20000

.PHONY: demo test lint check bench-pipeline bench-live soak networks zoo-table zoo-sheet gpu-train check-mediapipe check-browser bench-tables clean help

help:
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/'

demo: .venv-demo/ready ## cut a person out of the example portrait with the bundled model
	@PATH="$(CURDIR)/.venv-demo/bin:$$PATH" sh examples/demo.sh "$(OUT)"

test: .venv-test/ready lint ## lint, types, house rule and all tests
	.venv-test/bin/python -m pytest

lint: .venv-test/ready
	.venv-test/bin/ruff check
	.venv-test/bin/ruff format --check
	.venv-test/bin/mypy
	.venv-test/bin/lint-imports

networks: .venv-test/ready ## count every network's parameters and MACs, as docs/networks.md shows
	.venv-test/bin/python benchmarks/count_networks.py

zoo-table: .venv-test/ready ## score and time the bundled models beside those of PEERS on DATA/portraits, with a picture (benchmarks/publish_zoo.py puts it into README)
	@test -n "$(DATA)" || { echo 'give DATA=folder of sets, and perhaps PEERS=folder of model files'; exit 2; }
	.venv-test/bin/python benchmarks/zoo_table.py $(PEERS) --data "$(DATA)/portraits" --picture out/zoo-front.png --json out/zoo.json

# The best of the released models, where PEERS is their folder.
SHEET_MODELS ?= $(if $(PEERS),$(addprefix $(PEERS)/,slim_reshape_v2.tflite SINet_Softmax.onnx selfiesegmentation_mlkit-256x256-2021_01_19-v1215.f16.tflite))
zoo-sheet: .venv-test/ready ## draw 24 portraits of DATA as cut out by our models and SHEET_MODELS (or the best of PEERS)
	@test -n "$(DATA)" || { echo 'give DATA=folder of sets, and perhaps PEERS=folder of model files'; exit 2; }
	.venv-test/bin/python benchmarks/zoo_sheet.py livematte livematte-m $(SHEET_MODELS) --data "$(DATA)/portraits" -o out/zoo-sheet.png

# With the system's Python, which on a lent machine has what it has.
MINUTES ?= 8
QUEUE ?= zoo
gpu-train: ## train QUEUE for MINUTES on DATA (a dataset, or shards of one) into OUT, with PYTHON as it is
	@test -n "$(DATA)" -a "$(origin OUT)" != file || { echo 'give DATA=folder of sets or shards, and OUT=folder of the runs'; exit 2; }
	PYTHONPATH="src$${PYTHONPATH:+:$$PYTHONPATH}" $(PYTHON) -m livematte queue "$(QUEUE)" --data "$(DATA)" --output "$(OUT)" --minutes $(MINUTES)

check-mediapipe: .venv-test/ready .venv-mediapipe/ready ## run the MediaPipe export in MediaPipe itself
	.venv-test/bin/python benchmarks/check_mediapipe.py prepare out/mediapipe
	.venv-mediapipe/bin/python benchmarks/check_mediapipe.py compare out/mediapipe

BROWSER_MODEL ?= livematte
check-browser: .venv-test/ready ## run the browser export in Chromium: needs chromium, npm and its registry
	.venv-test/bin/python benchmarks/check_browser.py out/browser --model "$(BROWSER_MODEL)"

bench-tables: .venv-test/ready ## measure the tables of docs/benchmarks.md into it; DATA=folder of sets gives int8
	.venv-test/bin/python benchmarks/bench_tables.py build out/bench $(if $(DATA),--calibration "$(DATA)/portraits")
	.venv-test/bin/python benchmarks/bench_tables.py measure out/bench

bench-pipeline: .venv-test/ready ## where the time of a 720p film goes, beside decoding and encoding alone
	@test -f out/bench.mp4 || .venv-test/bin/python benchmarks/make_clip.py out/bench.mp4 --size 1280x720 --frames 150
	.venv-test/bin/livematte bench pipeline out/bench.mp4

bench-live: .venv-test/ready .venv-mediapipe/ready ## the live pipeline beside a plain MediaPipe loop; with DATA=folder of sets, mattes too
	.venv-test/bin/python benchmarks/live.py --plain .venv-mediapipe/bin/python $(if $(DATA),--people "$(DATA)/portraits" --rooms "$(DATA)/backgrounds")

soak: .venv-test/ready ## 20,000 frames (or FRAMES) through the pipeline, generated, decoded and live: memory must stay flat
	.venv-test/bin/python benchmarks/soak.py --frames $(FRAMES)
	.venv-test/bin/python benchmarks/soak.py --frames $(FRAMES) --what film
	.venv-test/bin/python benchmarks/soak.py --frames $(FRAMES) --what live

clean: ## remove the environments and what the demo wrote
	rm -rf .venv-demo .venv-test .venv-mediapipe out

.venv-demo/ready: pyproject.toml constraints.txt $(shell find src -type f -not -name '*.pyc')
	@$(NEWEST)
	@echo 'installing livematte into .venv-demo (a minute) ...'
	@$(PYTHON) -m venv --clear .venv-demo
	@.venv-demo/bin/python -m pip $(INSTALL) .
	@touch $@

.venv-test/ready: pyproject.toml constraints.txt
	@$(NEWEST)
	@echo 'installing livematte and its tests into .venv-test (some minutes) ...'
	@$(PYTHON) -m venv --clear .venv-test
	@.venv-test/bin/python -m pip $(INSTALL) --upgrade pip
	@.venv-test/bin/python -m pip $(INSTALL) --group dev --editable '.[train,litert,litert-export,openvino,nncf,coreml,executorch,pretrained,window,prune]'
	@touch $@

.venv-mediapipe/ready:
	@echo 'installing MediaPipe into .venv-mediapipe (a minute) ...'
	@$(PYTHON) -m venv --clear .venv-mediapipe
	@.venv-mediapipe/bin/python -m pip install --quiet --quiet --disable-pip-version-check 'mediapipe==0.10.21' 'numpy<2' 'av>=16,<19'
	@touch $@
