"""Images that leave and come. Both are operations: they read and write as much as an image is large."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter

from stoneware.api.services import Actor, Folder, Given, Key, Why
from stoneware.errors import Conflict
from stoneware.model.image import ImageState
from stoneware.model.operation import OperationRecord
from stoneware.moving.placing import require_outside, require_room_for_it
from stoneware.moving.trouble import told
from stoneware.operations.exporting import Export, ExportFrame, Form
from stoneware.operations.importing import Import, ImportFrame, look, present

router = APIRouter(tags=["images"])


class ExportRequest(Why):
    """`image` is a name or digest; `to` is absolute, on the daemon's host. `force` replaces what is there."""

    image: str
    to: Folder
    form: Form = "archive"
    force: bool = False


class ImportRequest(Why):
    """`source` is a file or a folder, absolute, on the daemon's host."""

    source: Folder


@router.post("/v1/exports", status_code=202)
def export_image(services: Given, body: ExportRequest, actor: Actor, key: Key = None) -> OperationRecord:
    """Starts writing an image to a file or folder. The daemon writes as its own user, and closes what it writes to others."""
    image = services.store.catalog.get(body.image)
    subject = f"image:{image.name}"
    if same := services.repeated(key, "export", subject):
        return same
    if image.state is ImageState.DELETED:
        raise Conflict(f"{image.name} was deleted", "`stoneware image list` shows what there is", code="image-retired")
    with told(Path(body.to)):
        require_outside(Path(body.to), services.home.root)
        require_room_for_it(Path(body.to), body.form == "layout", body.force)
    words = {"digest": image.digest, "name": image.name, "to": body.to, "form": body.form, "force": body.force}
    frame = ExportFrame.model_validate(words)
    return services.begin(Export.kind, subject, frame, actor=actor, reason=body.reason, key=key)


@router.post("/v1/imports", status_code=202)
def import_image(services: Given, body: ImportRequest, actor: Actor, key: Key = None) -> OperationRecord:
    """Looks at what a file or folder offers, and starts taking it in. The daemon reads as its own user."""
    offer = look(Path(body.source))
    digest, family = offer.manifest.digest, offer.manifest.family
    subject = f"family:{family}"
    if same := services.repeated(key, "import", subject):
        return same
    known = present(services.store, digest) is not None
    frame = ImportFrame(source=body.source, digest=digest, family=family, known=known)
    return services.begin(Import.kind, subject, frame, actor=actor, reason=body.reason, key=key)
