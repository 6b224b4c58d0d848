"""The whole of `stoneware.yaml`."""

from __future__ import annotations

from stoneware.model.deployment import DeploymentSpec, ImageSpec, Name
from stoneware.model.environment import DeploymentOverride
from stoneware.model.noun import Noun
from stoneware.model.own_build import BuildDeclaration
from stoneware.model.promotion_spec import PromotionSpec


class Document(Noun):
    """The whole of `stoneware.yaml`.

    `environments` say by name what is different in each, by deployment; a deployment that is in one is deployed there alone, as
    `DEPLOYMENT-ENVIRONMENT`. `promotions` say by environment how images come to it. `build` is what becomes of a commit where
    the repository has no build file.
    """

    images: dict[Name, ImageSpec] = {}
    deployments: dict[Name, DeploymentSpec] = {}
    environments: dict[Name, dict[Name, DeploymentOverride]] = {}
    promotions: dict[Name, PromotionSpec] = {}
    build: BuildDeclaration = BuildDeclaration()
