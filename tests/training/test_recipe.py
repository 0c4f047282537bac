"""Recipes: reading, overriding, and refusing what cannot be."""

from __future__ import annotations

import pytest

from livematte import networks
from livematte.errors import UsageError
from livematte.training.recipe import Recipe, bundled_recipes, load_recipe, parse_recipe


@pytest.mark.parametrize("name", bundled_recipes())
def test_bundled_recipe_names_its_source_and_a_network_that_exists(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert len(recipe.source) > 20
    networks.create(recipe.network, prior=recipe.prior, **recipe.options)


def test_every_network_has_a_recipe() -> None:
    assert {load_recipe(name).network for name in bundled_recipes()} == set(networks.names())


@pytest.mark.parametrize("name", bundled_recipes())
def test_recipe_survives_a_round_trip(name: str) -> None:
    recipe = load_recipe(name)
    assert parse_recipe(recipe.to_yaml(), name) == recipe


def test_overrides_reach_into_the_tree() -> None:
    recipe = load_recipe(
        "sinet", ["stages.1.batch_size=8", "precision=bf16-mixed", "data.weights={a: 2}"]
    )
    assert recipe.stages[1].batch_size == 8
    assert recipe.precision == "bf16-mixed"
    assert recipe.data.weights == {"a": 2}


def test_what_an_alias_shares_is_changed_in_one_place_alone() -> None:
    recipe = load_recipe("livematte-m", ["stages.0.loss.l1=9.0"])  # its stages share one loss
    assert recipe.stages[0].loss.l1 == 9.0
    assert recipe.stages[1].loss == load_recipe("livematte-m").stages[1].loss


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("colour=red", "unknown key colour"),
        ("seed=red", "'red' is not"),
        ("precision=64", "64 is not"),
        ("stages.7.rate=1", "no such place"),
        ("stages.0.rate", "expected key=value"),
        ("prior=1", "1 is not"),
        ("stages.0.loss.dize=1", "unknown key dize"),
        ("stages=[]", "at least one stage"),
        ("seed=[1", "not YAML"),
        ("stages.foo=1", "no such place"),
        ("data.weights={a: red}", "data: weights.a: 'red' is not"),
        ("stages.5={}", "no such place"),
        ("name.x=1", "no such place"),
        ("stages.0.freeze_encoder=true", "pretrained"),
        ("stages.0.freeze_levels=1", "pretrained"),
        ("stages.0.freeze_levels=6", "0 to 5"),
        ("stages.0.loss.distillation=1", "needs a teacher"),
        ("teacher=a.ckpt", "loss.distillation"),
        ("data.negatives=0.1", "data.backgrounds"),
        ("data.replaced=0.1", "data.backgrounds"),
        ("data.crowd=0.1", "data.backgrounds"),
        ("stages.0.loss.steady=1", "prior_own"),
        ("data.moments=0", "counts from 1"),
        ("data.cutouts=[a]", "data.backgrounds"),
        ("stages.1.loss.boundary_kernel=4", "must be odd"),
    ],
)
def test_bad_override_is_named(override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("[", r"\[")):
        load_recipe("sinet", [override])


def test_missing_recipe_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match="portraitnet"):
        load_recipe("nothing-of-the-sort")


def test_defaults_are_plain() -> None:
    recipe = parse_recipe("{name: a, network: sinet, source: b, stages: [{epochs: 1, batch_size: 1,"
                          " size: [64, 64], rate: 1}]}", "here")  # fmt: skip
    assert isinstance(recipe, Recipe)
    assert recipe.stages[0].rate == 1.0
