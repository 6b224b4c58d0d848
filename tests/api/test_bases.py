"""Which images stand on the base as it is now, and which on one before."""

from __future__ import annotations

from tests.api.house import House
from tests.support.simulation import manifest

from stoneware.bake.base import BASE, BaseRecord
from stoneware.host.files import write_atomic
from stoneware.model.image import Image

NEW, OLD = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def staged(house: House, family: str, base: str, digest: str) -> Image:
    sealed = manifest(family, 1)
    recipe = sealed.recipe.model_copy(update={"base": base, "base_digest": digest})
    return house.daemon.services.store.catalog.stage(sealed.model_copy(update={"recipe": recipe}), 1, "ann")


def test_what_stands_on_an_image_stands_on_its_base(idle_house: House) -> None:
    home = idle_house.daemon.services.home
    made = BaseRecord(name=BASE, digest=NEW, made_at=1.0, packages=())
    write_atomic(home.build / "base.json", made.model_dump_json())
    first = staged(idle_house, "old", BASE, OLD)
    second = staged(idle_house, "new", f"localhost/{BASE}", NEW)
    over_first = staged(idle_house, "child", "old/1", first.digest)
    staged(idle_house, "grandchild", "child/1", over_first.digest)
    staged(idle_house, "sound", "new/1", second.digest)
    staged(idle_house, "other", "scratch", "")
    [base] = idle_house.http.get("/v1/bases").json()
    named = {key: sorted(name.partition("@")[0] for name in base[key]) for key in ("current", "outdated")}
    assert named == {"current": ["new", "sound"], "outdated": ["child", "grandchild", "old"]}
