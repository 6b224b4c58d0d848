"""Sealed images for tests of real machines: the example's own recipes, baked as the product bakes them, without a daemon."""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path

from stoneware.bake import build, origin, recipe, seal
from stoneware.bake.boot_pack import ensure_boot_pack
from stoneware.bake.workspace import workspace
from stoneware.host.home import Home
from stoneware.host.run import run
from stoneware.model.image import Artifact
from stoneware.spec.load import load

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "examples" / "critter-junction"


class Foundry:
    """`folder` holds a home whose `build` others may share (`lend`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = Home(folder / "home")
        self.home.prepare()

    @cached_property
    def version_1(self) -> Artifact:
        """The example behind NGINX."""
        return self._bake(self.recipe(1))

    def recipe(self, version: int) -> Path:
        """The example's repository at a version."""
        folder = self.folder / f"version-{version}"
        if not folder.exists():
            shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("version-2"))
            if version == 2:
                shutil.copytree(EXAMPLE / "version-2", folder, dirs_exist_ok=True)
        return folder

    def lend(self, home: Path) -> None:
        """Lets another home use what was built here."""
        home.mkdir(parents=True, mode=0o700)
        (home / "build").symlink_to(self.home.build)
        (self.home.images / "blobs").mkdir(exist_ok=True)
        (home / "images").mkdir(mode=0o700)
        (home / "images" / "blobs").symlink_to(self.home.images / "blobs")

    def close(self) -> None:
        """Gives the room back."""
        for store in self.home.build.glob("store"):
            run(
                ["buildah", "--root", store / "root", "--runroot", store / "run", "rm", "--all"],
                timeout_s=120,
                ok=(0, 1, 125),
            )
        shutil.rmtree(self.folder, ignore_errors=True)

    def _bake(self, folder: Path) -> Artifact:
        image = load(folder).document.images["critter-web"]
        with workspace(self.home, folder.name, lambda line: None) as space:
            files = recipe.find_recipe(folder, image.containerfile, image.context)
            built = build.build(space, files, 0.0)
            pack = ensure_boot_pack(space)
            described = origin.describe(files, built.base)
            mounts = ["/var/lib/critter"]
            return seal.seal(
                space,
                built.image,
                family="critter-web",
                recipe=described,
                pack=pack,
                writable=image.writable,
                mounts=mounts,
            )
