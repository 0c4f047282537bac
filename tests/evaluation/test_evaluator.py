"""The whole evaluation with a stand-in for the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from livematte.data.sample import Sample
from livematte.errors import InputError, ModelError, UsageError
from livematte.evaluation import report
from livematte.evaluation.evaluator import evaluate
from livematte.evaluation.result import EvaluationConfig
from livematte.evaluation.spread import resampled_sums
from livematte.evaluation.worst import draw_worst
from livematte.spec import ModelSpec


@dataclass
class FakePredictor:
    """Reads the matte out of the red channel, then spoils it."""

    spoil: Callable[[np.ndarray], np.ndarray] = lambda matte: matte
    name: str = "fake"
    spec: ModelSpec = field(default_factory=lambda: ModelSpec("fake", 32, 32))
    refined: bool = False
    engine: str = "numpy"
    device: str = "cpu"
    threads: int | None = 1
    run_seconds: float = 0.002
    log: list[str] = field(default_factory=list)

    def predict(self, image: np.ndarray) -> np.ndarray:
        self.log.append("predict")
        return self.spoil(image[..., 0].astype(np.float32) / 255)

    def reset(self) -> None:
        self.log.append("reset")


@dataclass
class FakeDataset:
    samples: list[Sample]
    split: str | None = None

    @property
    def names(self) -> list[str]:
        return [sample.name for sample in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def load(self, index: int) -> Sample:
        return self.samples[index]


def sample(name: str, alpha: np.ndarray, shown: np.ndarray | None = None) -> Sample:
    """A sample whose picture shows ``shown`` (the truth itself by default)."""
    shown = alpha if shown is None else shown
    image = np.repeat(np.uint8(shown * 255)[..., None], 3, axis=2)
    return Sample(image, alpha, None, name, soft=False)


def person(height: int = 40, width: int = 32, left: int = 8) -> np.ndarray:
    alpha = np.zeros((height, width), np.float32)
    alpha[10:, left : left + 16] = 1
    return alpha


def shifted(pixels: int) -> Sample:
    return sample(f"shift-{pixels}", person(), np.roll(person(), pixels, axis=1))


def test_a_perfect_model_gets_perfect_scores() -> None:
    data = FakeDataset([sample("a", person()), sample("b", person(24, 48))])
    result = evaluate(FakePredictor(), data)
    perfect = ("miou", "miou_pooled", "foreground_iou", "pixel_accuracy", "boundary_f")
    assert all(result.scores[name].value == 1 for name in perfect)
    for name in ("mad", "gradient", "connectivity"):
        assert result.scores[name].value == pytest.approx(0, abs=1e-12)
    assert result.latency.run_median == pytest.approx(2)
    assert result.latency.call_median >= 0
    assert "dtssd" not in result.scores


def test_averages_go_over_images_and_pooling_over_pixels() -> None:
    # A big perfect picture and a small one in which everything is wrong.
    big, small = person(80, 64), person(8, 8, 0) * 0
    data = FakeDataset([sample("big", big), sample("small", small, small + 1)])
    scores = evaluate(FakePredictor(), data).scores
    assert scores["miou"].value == pytest.approx((1 + 0) / 2)
    fg, wrong, total = big.sum(), 64, big.size + 64
    pooled = (fg / (fg + wrong) + (total - fg - wrong) / (total - fg)) / 2
    assert scores["miou_pooled"].value == pytest.approx(pooled)
    assert scores["miou"].images == 2


def test_intervals_hold_the_value_and_repeat_with_the_seed() -> None:
    data = FakeDataset([shifted(i) for i in range(8)])
    first, again = (evaluate(FakePredictor(), data).scores["miou"] for _ in range(2))
    assert first == again
    assert first.low < first.value < first.high
    alike = evaluate(FakePredictor(), FakeDataset([shifted(3)] * 4)).scores["miou"]
    assert alike.low == pytest.approx(alike.high)


def test_resampled_sums_draw_as_many_rows_as_there_are() -> None:
    columns = np.stack([np.ones(50), np.arange(50.0)], axis=1)
    sums = resampled_sums(columns, resamples=400, seed=1)
    assert sums.shape == (400, 2)
    assert (sums[:, 0] == 50).all()
    # The mean of 50 draws from 0…49 has mean 24.5 and standard deviation 14.43 / √50 = 2.04.
    means = sums[:, 1] / 50
    assert means.mean() == pytest.approx(24.5, abs=0.5)
    assert means.std() == pytest.approx(2.04, rel=0.2)


def test_the_worst_images_come_worst_first_and_shrunk() -> None:
    huge = np.zeros((1000, 600), np.float32)
    huge[300:, 100:500] = 1
    data = FakeDataset([shifted(2), shifted(6), sample("huge", huge, 1 - huge), shifted(1)])
    worst = evaluate(FakePredictor(), data, EvaluationConfig(worst=3)).worst
    assert [case.name for case in worst] == ["huge", "shift-6", "shift-2"]
    assert max(worst[0].image.shape) == 320
    sheet = draw_worst(worst)
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] >= 4 * 192


def test_the_picture_shows_false_persons_red_and_missed_ones_blue() -> None:
    data = FakeDataset([sample("moved", person(120, 120, 30), person(120, 120, 60))])
    sheet = draw_worst(evaluate(FakePredictor(), data).worst).astype(int)
    difference = sheet[22 : 22 + 120, 3 * 126 : 3 * 126 + 120]
    red, blue = difference[60, 68], difference[60, 38]
    assert red[0] > red[2] + 100
    assert blue[2] > blue[0] + 100


def test_frames_keep_memory_and_measure_steadiness() -> None:
    data = FakeDataset([sample(f"{i:03}", person(), np.roll(person(), i % 2, 1)) for i in range(4)])
    predictor = FakePredictor()
    result = evaluate(predictor, data, EvaluationConfig(frames=True, limit=3))
    assert predictor.log == ["predict", "reset", "predict", "predict", "predict"]
    assert [image.name for image in result.images] == ["000", "001", "002"]
    # A column of 30 pixels goes and one comes, of 40×32.
    assert result.scores["flicker"].value == pytest.approx(60 / 1280)
    assert result.scores["dtssd"].value == pytest.approx((60 / 1280) ** 0.5)
    assert result.scores["flicker"].images == 2


def test_single_images_are_forgotten_between_calls() -> None:
    predictor = FakePredictor()
    evaluate(predictor, FakeDataset([shifted(0), shifted(1)]))
    assert predictor.log == ["predict", "reset"] * 3


def test_frames_of_different_sizes_are_refused() -> None:
    data = FakeDataset([sample("a", person()), sample("b", person(24, 48))])
    with pytest.raises(InputError, match="--frames"):
        evaluate(FakePredictor(), data, EvaluationConfig(frames=True))


def test_limit_spreads_over_the_dataset() -> None:
    data = FakeDataset([shifted(i) for i in range(9)])
    result = evaluate(FakePredictor(), data, EvaluationConfig(limit=3))
    assert [image.name for image in result.images] == ["shift-0", "shift-3", "shift-6"]
    with pytest.raises(UsageError, match="nothing to score"):
        evaluate(FakePredictor(), data, EvaluationConfig(limit=0))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda matte: matte * np.nan, "NaN"),
        (lambda matte: matte * 2 - 0.5, r"leaves \[0, 1\]"),
        (lambda matte: matte[:5], "answered"),
    ],
)
def test_an_answer_that_is_no_matte_is_an_error_naming_the_image(
    spoil: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    with pytest.raises(ModelError, match=f"shift-2.*{message}"):
        evaluate(FakePredictor(spoil), FakeDataset([shifted(2)]))


def test_the_report_holds_every_score_and_no_nan() -> None:
    hidden = sample("hidden", person())
    hidden = Sample(hidden.image, hidden.alpha, hidden.alpha >= 0, "hidden", soft=False)
    result = evaluate(FakePredictor(), FakeDataset([shifted(1), hidden]))
    plain = report.to_dict(result, dataset="set", split="validation")
    read = json.loads(report.to_json(plain))
    assert read == plain
    assert set(read["scores"]) == set(report.SCORES) - {"dtssd", "flicker"}
    assert read["per_image"][1]["miou"] is None
    assert read["scores"]["miou"]["images"] == 1
    assert read["engine"] == {"engine": "numpy", "device": "cpu", "threads": 1}
    assert sum(entry["pixels"] for entry in read["calibration"]) == 40 * 32


def test_the_markdown_names_model_scores_latency_and_picture() -> None:
    result = evaluate(FakePredictor(), FakeDataset([shifted(0), shifted(4)]))
    text = report.to_markdown(result, dataset="set", split=None, worst_picture="worst.png")
    miou = 100 * result.scores["miou"].value
    assert text.startswith("# fake on set\n")
    assert f"| mean IoU (mean over images) | {miou:.2f} % |" in text
    assert "numpy on cpu, 1 thread(s)" in text
    assert "![worst cases](worst.png)" in text
    assert "| shift-4 |" in text
    assert "nan" not in text
