"""Images and machines as the API shows them: as they are, and what they count as now."""

from __future__ import annotations

from collections.abc import Sequence

from stoneware.api.services import Family, ImageDetail, ImageView, MachineView, Services
from stoneware.decide.entering import taints_of
from stoneware.decide.lifecycle import newest_active, standing
from stoneware.model.image import Image
from stoneware.model.machine import Machine
from stoneware.operations.usage import users_of


def view_of(services: Services, image: Image) -> ImageView:
    """An image with its standing."""
    return ImageView(**image.model_dump(), effective=standing(image, services.clock.now()))


def detail_of(services: Services, image: Image) -> ImageDetail:
    """An image with all that is known of it."""
    return ImageDetail(
        image=view_of(services, image),
        manifest=services.store.catalog.manifest(image.digest),
        boot_test=services.store.catalog.boot_test(image.digest),
        used_by=tuple(sorted(users_of(services.store, services.platforms, image))),
    )


def family_of(services: Services, name: str) -> Family:
    """A family, which has no images when there is none of that name."""
    catalog = services.store.catalog
    images = catalog.list(name)
    newest = newest_active(images, services.clock.now())
    return Family(
        name=name,
        resolves_to=view_of(services, newest) if newest else None,
        images=tuple(view_of(services, image) for image in images),
        keep=catalog.rules().get(name),
    )


def machine_views(services: Services, machines: Sequence[Machine]) -> list[MachineView]:
    """Machines, each with its taint."""
    taints = taints_of({machine.name: machine for machine in machines}, services.store.taints.of())
    because = {name: taint.because for name, taint in taints.items()}
    return [MachineView(**one.model_dump(), tainted=because.get(one.name, "")) for one in machines]
