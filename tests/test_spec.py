"""A spec holds sound values only, and says what is wrong with others."""

import json
import math
from typing import Any

import pytest

from livematte.errors import ModelError
from livematte.spec import ModelSpec

SOUND: dict[str, Any] = {"name": "x", "height": 8, "width": 8}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ""),
        ("name", 3),
        ("licence", None),
        ("training_data", ["a"]),
        ("height", "8"),
        ("height", 8.0),
        ("width", True),
        ("width", 0),
        ("width", 8193),
        ("fit", "cover"),
        ("fit", []),
        ("step", -1),
        ("step", 0.5),
        ("stretch", 0),
        ("stretch", math.inf),
        ("layout", 1),
        ("prior", "yes"),
        ("prior", 1),
        ("channel", -1),
        ("channel", "person"),
        ("mean", [0.5, 0.5]),
        ("mean", "0.5"),
        ("mean", 0.5),
        ("mean", [0.5, 0.5, math.nan]),
        ("std", [1, 0, 1]),
        ("std", [1, 1, math.inf]),
        ("std", [1, 1, "1"]),
        ("metrics", {"miou": "good"}),
        ("metrics", {"miou": math.inf}),
        ("metrics", [0.9]),
        ("sha256", 5),
        ("sha256", "abc"),
    ],
)
def test_other_types_and_ranges_are_refused(key: str, value: object) -> None:
    with pytest.raises(ModelError, match=r"spec\.json: ") as caught:
        ModelSpec.from_json(json.dumps({**SOUND, key: value}), source="spec.json")
    assert key in str(caught.value) or key in ("mean", "std")


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "null", '"name"', "{}", "[" * 100_000])
def test_what_is_no_spec_at_all(text: str) -> None:
    with pytest.raises(ModelError, match=r"spec\.json: "):
        ModelSpec.from_json(text, source="spec.json")


def test_a_spec_survives_its_json() -> None:
    spec = ModelSpec(
        **SOUND, mean=(0.5, 0.4, 0.3), std=(1, 2, 3), metrics={"miou": 0.9}, sha256="aB" * 32
    )
    assert ModelSpec.from_json(spec.to_json(), source="x") == spec
