"""The bundled model on a real photo: torch and ONNX Runtime agree, and the person is found."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import livematte
from livematte import weights
from livematte.spec import file_digest
from livematte.training.checkpoint import load_network
from livematte.transforms import fit_image

PORTRAIT = Path(__file__).parents[2] / "examples" / "portrait.png"


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(PORTRAIT)), cv2.COLOR_BGR2RGB)


WITH_CHECKPOINT = [
    model for model in weights.bundled() if model.path.with_suffix(".ckpt").is_file()
]


def test_what_we_recommend_can_be_trained_further() -> None:
    names = {model.name for model in WITH_CHECKPOINT}
    assert {weights.DEFAULT, weights.DEFAULT_VIDEO} <= names


@pytest.mark.parametrize("model", WITH_CHECKPOINT, ids=lambda model: model.name)
def test_torch_and_onnx_runtime_agree(model: weights.BundledModel, portrait: np.ndarray) -> None:
    engine = livematte.load(model.name, threads=1).engine
    image = fit_image(portrait, engine.spec)
    network = load_network(model.path.with_suffix(".ckpt"))
    last = np.tile(np.linspace(0, 1, image.shape[1], dtype=np.float32), (image.shape[0], 1))
    prior = last if engine.spec.prior else None
    with torch.no_grad():
        inputs = [image.transpose(2, 0, 1), *([] if prior is None else [prior[None]])]
        logit = network(*(torch.from_numpy(x.copy())[None] for x in inputs)).mask
    found, wanted = engine.run(image, prior), torch.sigmoid(logit)[0, 0].numpy()
    difference = np.abs(found - wanted)
    if engine.spec.precision == "int8":  # its weights are stored in 8 bits
        assert difference.mean() <= 5e-3
        assert ((found > 0.5) & (wanted > 0.5)).sum() >= 0.99 * (wanted > 0.5).sum()
        return
    assert difference.max() <= 1e-3
    assert difference.mean() <= 1e-4


@pytest.mark.parametrize("model", weights.bundled(), ids=lambda model: model.name)
def test_weights_are_what_their_papers_say(model: weights.BundledModel) -> None:
    assert model.spec.sha256 == file_digest(model.path)
    assert model.spec.licence != "unknown"
    assert model.spec.training_data != "unknown"
    assert model.spec.metrics
    assert "Known failures" in model.card


def test_person_is_found_and_background_is_not(portrait: np.ndarray) -> None:
    alpha = livematte.load().segment(portrait)
    assert alpha[60:150, 190:260].mean() > 0.99  # face and hair
    assert alpha[300:480, 100:260].mean() > 0.9  # suit
    assert alpha[20:200, 330:500].mean() < 0.03  # wall and rocket
    assert alpha[:150, :100].mean() < 0.1  # flag


def test_nobody_is_found_where_nobody_is() -> None:
    backdrop = cv2.imread(str(PORTRAIT.with_name("backdrop.jpg")))
    alpha = livematte.load().segment(cv2.cvtColor(backdrop, cv2.COLOR_BGR2RGB))
    assert (alpha > 0.5).mean() < 0.01


def test_who_has_left_leaves_no_trace(portrait: np.ndarray) -> None:
    backdrop = cv2.imread(str(PORTRAIT.with_name("backdrop.jpg")))
    room = cv2.cvtColor(cv2.resize(backdrop, portrait.shape[1::-1]), cv2.COLOR_BGR2RGB)
    engine = livematte.load(weights.DEFAULT_VIDEO, threads=1).engine
    there = engine.run(fit_image(portrait, engine.spec), None)
    gone = there
    for _ in range(2):  # the network alone: a stream would also have seen the cut
        gone = engine.run(fit_image(room, engine.spec), gone)
    assert (there > 0.5).mean() > 0.2
    assert (gone > 0.5).mean() < 0.01
