"""Signals go to a deployment or to an operation: the name says which."""

from __future__ import annotations

import pytest

from stoneware.cli.signals import OPERATION


@pytest.mark.parametrize("name", ["rollout-3", "bake-1", "teardown-12"])
def test_the_name_of_an_operation(name: str) -> None:
    assert OPERATION.match(name)


@pytest.mark.parametrize("name", ["shop-2", "rollout", "rollout-", "my-rollout-3", "rollout-3-x", "critter-junction"])
def test_the_name_of_a_deployment_may_end_in_a_number_too(name: str) -> None:
    assert not OPERATION.match(name)
