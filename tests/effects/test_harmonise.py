"""Colours that go with the background: how a correction is applied, predicted and kept steady."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import livematte
from livematte.effects import blend, open_chain
from livematte.effects.harmonise import Harmonise, correct_person, harmonise
from livematte.effects.harmoniser import Correction, Harmoniser, HarmoniserSpec, background_light
from livematte.effects.shot import Shot
from livematte.errors import ModelError, UsageError
from livematte.spec import METADATA_KEY

SEGMENTS = 4
NUMBERS = 3 * (1 + SEGMENTS) + 9
NO_LIGHT = np.zeros(3, np.float32)
EXAMPLE = Path(__file__).parents[2] / "examples" / "portrait.png"

Scene = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="session")
def bright_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every channel is lifted by the mean of its values in the composite."""
    lift = np.zeros((3, NUMBERS), np.float32)
    for channel in range(3):
        lift[channel, channel * (1 + SEGMENTS)] = 1
    size = 16
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "lift"], ["correction"]),
    ]
    graph = helper.make_graph(
        nodes,
        "bright",
        [
            helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, size, size]),
            helper.make_tensor_value_info("alpha", TensorProto.FLOAT, [1, 1, size, size]),
        ],
        [helper.make_tensor_value_info("correction", TensorProto.FLOAT, [1, NUMBERS])],
        [numpy_helper.from_array(lift, "lift")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, HarmoniserSpec("bright", size, SEGMENTS).to_json()
    path = tmp_path_factory.mktemp("harmonisers") / "bright.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def scene() -> Scene:
    """A person of one dark colour left of a soft edge, and a brighter room: 64×80."""
    row = np.clip((44 - np.arange(80)) / 8, 0, 1).astype(np.float32)
    alpha = np.repeat(row[None], 64, 0)
    frame = np.full((64, 80, 3), (60, 50, 40), np.uint8)
    return frame, alpha, np.full((64, 80, 3), (120, 100, 80), np.uint8)


def test_opening_says_on_which_terms(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "livematte"):
        spec = Harmoniser().spec
    assert f"licence: {spec.licence}; trained on: {spec.training_data}" in caplog.text
    assert "research use only" in caplog.text


def test_zeros_change_nothing() -> None:
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    still = Correction(np.zeros(NUMBERS, np.float32), NO_LIGHT)
    np.testing.assert_array_equal(still(picture), picture)


def test_curves_rise_whatever_the_numbers() -> None:
    numbers = np.random.default_rng(1).normal(0, 3, NUMBERS).astype(np.float32)
    assert np.diff(Correction(numbers, NO_LIGHT).table(), axis=0).min() > 0


def test_a_correction_is_curves_and_then_a_matrix() -> None:
    numbers = np.zeros(NUMBERS, np.float32)
    numbers[0] = 0.1  # red is lifted
    numbers[1 + SEGMENTS + 1 : 2 * (1 + SEGMENTS)] = np.log(0.5)  # green is halved
    numbers[-9:].reshape(3, 3)[2] = (1, 0, -1)  # blue becomes red
    picture = np.full((2, 3, 3), (100, 80, 7), np.uint8)
    red = round(100 + 25.5)
    assert np.abs(Correction(numbers, NO_LIGHT)(picture).astype(int) - (red, 40, red)).max() <= 1
    brighter = np.full((1, 1, 3), 250, np.uint8)
    assert Correction(numbers, NO_LIGHT)(brighter)[0, 0, 0] == 255


def test_only_the_person_is_touched(scene: Scene) -> None:
    frame, alpha, _ = scene
    numbers = np.zeros(NUMBERS, np.float32)
    numbers[0] = 0.2
    corrected = correct_person(frame, alpha, Correction(numbers, NO_LIGHT))
    np.testing.assert_array_equal(corrected[:, 60:], frame[:, 60:])
    assert (corrected[:, :40, 0] == 60 + 51).all()
    nobody = np.zeros_like(alpha)
    np.testing.assert_array_equal(
        correct_person(frame, nobody, Correction(numbers, NO_LIGHT)), frame
    )


def test_the_composite_is_what_the_model_sees(scene: Scene, bright_model: Path) -> None:
    frame, alpha, room = scene
    share = alpha.mean()
    seen = share * frame[0, 0] + (1 - share) * room[0, 0]
    numbers = Harmoniser(bright_model).predict(frame, alpha, room).numbers
    assert numbers[:: 1 + SEGMENTS][:3] * 255 == pytest.approx(seen, abs=1.5)


def test_strength_goes_from_blending_to_the_prediction(scene: Scene, bright_model: Path) -> None:
    frame, alpha, room = scene
    model = Harmoniser(bright_model)
    none, half, whole = (
        harmonise(frame, alpha, room, strength=strength, harmoniser=model)
        for strength in (0, 0.25, 0.5)
    )
    np.testing.assert_array_equal(none, blend(frame, alpha, room))
    moved = [x[:, :30, 0].mean() - 60 for x in (none, half, whole)]
    assert moved[0] == 0
    assert moved[2] > 50
    assert moved[1] == pytest.approx(moved[2] / 2, abs=1.5)
    np.testing.assert_array_equal(whole[alpha == 0], room[alpha == 0])


@pytest.mark.parametrize("room", [(30, 60, 160), (180, 110, 40), (20, 26, 40), (0, 255, 0)])
def test_turned_up_the_person_takes_on_the_place(room: tuple[int, int, int]) -> None:
    person = np.full((32, 32, 3), (150, 120, 100), np.uint8)
    behind = np.full_like(person, room)
    alpha = np.ones((32, 32), np.float32)
    light = background_light(person, alpha, behind)
    lit = Correction(np.zeros(NUMBERS, np.float32), light)
    np.testing.assert_array_equal(lit.at(0.5)(person), person)
    some, more = (lit.at(strength)(person)[0, 0].astype(float) for strength in (0.75, 1))
    start, goal = person[0, 0] / person[0, 0].sum(), np.array(room) / sum(room)

    def apart(colour: np.ndarray) -> float:
        return float(np.abs(colour / colour.sum() - goal).sum())

    assert apart(more) < apart(some) < np.abs(start - goal).sum()
    assert (more > 0.6 * person[0, 0]).all()
    assert (more < 1.6 * person[0, 0]).all()
    np.testing.assert_allclose(background_light(person, alpha, person), light * 0, atol=0.2)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_other_strengths_are_refused(scene: Scene, strength: float) -> None:
    with pytest.raises(UsageError, match=r"\[0, 1\]"):
        harmonise(*scene, strength=strength)
    with pytest.raises(UsageError, match=r"\[0, 1\]"):
        Harmonise(strength)


def test_nobody_and_nothing_behind(scene: Scene, bright_model: Path) -> None:
    frame, alpha, room = scene
    effect = Harmonise(harmoniser=Harmoniser(bright_model))
    for shot in (Shot(frame, alpha), Shot(frame, np.zeros_like(alpha), room)):
        assert effect(shot) is shot
    result = harmonise(frame, np.zeros_like(alpha), room, harmoniser=Harmoniser(bright_model))
    np.testing.assert_array_equal(result, room)


def test_colours_follow_a_lamp_slowly_and_a_cut_at_once(scene: Scene, bright_model: Path) -> None:
    frame, alpha, room = scene
    effect = Harmonise(harmoniser=Harmoniser(bright_model))

    def red(time: float, behind: np.ndarray, *, cut: bool = False) -> float:
        shot = effect(Shot(frame, alpha, behind, time=time, cut=cut))
        return float(shot.colours()[:, :30, 0].mean())

    dark = np.zeros_like(room)
    before = red(0, dark, cut=True)
    soon = red(0.04, room)
    late = [red(0.08 + index / 25, room) for index in range(60)][-1]
    assert before < soon < before + 0.2 * (late - before)
    assert red(3, room, cut=True) == pytest.approx(late, abs=1)
    # Noise in the matte does not make it flicker.
    rng = np.random.default_rng(0)
    reds = []
    for index in range(20):
        flicker = (room * rng.uniform(0.8, 1.2)).astype(np.uint8)
        reds.append(red(4 + index / 25, flicker))
    assert np.abs(np.diff(reds)).max() < 2


def test_it_is_an_effect_like_any_other(scene: Scene) -> None:
    frame, alpha, room = scene
    by_name = open_chain(["harmonise"], background=True)(frame, alpha, room)
    assert np.abs(by_name.astype(int) - harmonise(frame, alpha, room)).max() <= 1
    assert np.abs(by_name.astype(int) - blend(frame, alpha, room)).max() > 1


def test_the_bundled_model_undoes_what_a_lamp_did() -> None:
    picture = cv2.cvtColor(cv2.imread(str(EXAMPLE)), cv2.COLOR_BGR2RGB)
    picture = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    alpha = livematte.load(threads=1).segment(picture)
    inside = alpha > 0.95
    harmoniser = Harmoniser()
    left_alone = correct_person(picture, alpha, harmoniser.predict(picture, alpha, picture).at(0.5))
    assert np.abs(left_alone[inside].astype(int) - picture[inside]).mean() < 12
    for gains in ((0.55, 0.55, 0.55), (1.25, 1.0, 0.75), (0.75, 0.95, 1.2)):
        person = np.clip(picture * np.array(gains), 0, 255).astype(np.uint8)
        correction = harmoniser.predict(person, alpha, picture).at(0.5)
        corrected = correct_person(person, alpha, correction)
        before, after = (
            np.abs(x[inside].mean(axis=0) - picture[inside].mean(axis=0)).sum()
            for x in (person, corrected)
        )
        assert after < 0.9 * before, gains


def test_what_is_no_harmoniser_is_refused(
    red_model: Path, bright_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="takes image, not image, alpha"):
        Harmoniser(red_model)
    with pytest.raises(ModelError, match="cannot be read"):
        Harmoniser(tmp_path / "none.onnx")
    (tmp_path / "noise.onnx").write_bytes(b"\x01\x02 no model")
    with pytest.raises(ModelError, match=r"noise\.onnx"):
        Harmoniser(tmp_path / "noise.onnx")
    with pytest.raises(ModelError, match="gives no mattes"):
        livematte.load(bright_model)


def test_a_file_that_its_digest_does_not_describe(bright_model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(bright_model.read_bytes())
    spec = dataclasses.replace(Harmoniser(copy).spec, sha256="0" * 64)
    copy.with_suffix(".json").write_text(spec.to_json(), "utf-8")
    with pytest.raises(ModelError, match="SHA-256"):
        Harmoniser(copy)


def _change(key: str, value: object) -> Callable[[str], str]:

    return lambda text: json.dumps({**json.loads(text), key: value})


@pytest.mark.parametrize(
    "change",
    [_change("kind", "matting"), _change("size", 0), _change("colour", "rgb"), lambda text: "{"],
)
def test_specs_are_checked(change: Callable[[str], str]) -> None:
    good = HarmoniserSpec("some", 16, 4)
    assert HarmoniserSpec.from_json(good.to_json(), source="some.json") == good
    with pytest.raises(ModelError, match=r"some\.json"):
        HarmoniserSpec.from_json(change(good.to_json()), source="some.json")
