"""Looks into stored images: are they whole, what is in them, what differs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from stoneware.bake.attest import PROVENANCE_FILE, Notary
from stoneware.bake.verify import checks, entries_of, load, load_proven
from stoneware.decide.difference import diff_files, diff_packages
from stoneware.decide.environments import diff_groups, diff_settings, release_name
from stoneware.errors import NotFound
from stoneware.host.home import Home
from stoneware.model.difference import FileChange
from stoneware.model.image import Image, ImageState, Manifest, StateSchema
from stoneware.model.inspection import EnvironmentDifference, ImageDifference, PathChange, Verified
from stoneware.model.listing import shown_path
from stoneware.model.release import Release
from stoneware.store.store import Store


@dataclass(frozen=True)
class Inspection:
    """Reads only."""

    store: Store
    home: Home

    def verify(self, image: Image) -> Verified:
        """Every byte of an image, its signatures, and the record of its boot test. Raises Refused naming the first thing wrong."""
        held = list(checks(self.home.images, image.digest))
        folder, notary = load(self.home.images, image.digest).folder, Notary(self.home)
        made = notary.read(folder, PROVENANCE_FILE, image.digest)
        held.append(f"provenance, signed by {', '.join(key[:16] for key in made.keys)}")
        signers = set(made.keys)
        if image.number is not None:
            tested = notary.require_passed(folder, image.digest)
            held.append(f"boot test, signed by {', '.join(key[:16] for key in tested.keys)}")
            signers |= set(tested.keys)
        return Verified(image=image.name, digest=image.digest, held=tuple(held), signed_by=tuple(sorted(signers)))

    def sbom(self, image: Image) -> dict[str, Any]:
        """The bill of materials, as it was sealed. Raises NotFound for an image without one, Refused for one that was changed."""
        artifact = load_proven(self.home.images, image.digest, lambda role: role == "sbom")
        if "sbom" not in artifact.manifest.files:
            raise NotFound(f"{image.name} has no bill of materials", "bake it again")
        document: dict[str, Any] = json.loads(artifact.file("sbom").read_bytes())
        return document

    def diff(self, before: Image, after: Image) -> ImageDifference:
        """What `after` has that `before` hasn't, and the other way round."""
        old, new = (
            load_proven(self.home.images, one.digest, lambda role: role.startswith("listing-"))
            for one in (before, after)
        )
        found = diff_files(entries_of(old), entries_of(new))
        files = [_change(one, "added") for one in found.added] + [_change(one, "removed") for one in found.removed]
        files += [_change(one, ", ".join(one.what)) for one in found.changed]
        return ImageDifference(
            before=before.name,
            after=after.name,
            same_tree=old.manifest.tree == new.manifest.tree,
            facts=_facts(old.manifest, new.manifest),
            packages=diff_packages(old.manifest.packages, new.manifest.packages),
            files=tuple(sorted(files, key=lambda one: one.path)),
            delta_bytes=sum(one.delta_bytes for one in files),
        )

    def _diff_known(self, before: Image, after: Image) -> ImageDifference:
        """The same, but for files where an image was deleted: of that one the catalog still knows what it was made of."""
        gone = [one.name for one in (before, after) if one.state is ImageState.DELETED]
        if not gone:
            return self.diff(before, after)
        old, new = self.store.catalog.manifest(before.digest), self.store.catalog.manifest(after.digest)
        return ImageDifference(
            before=before.name,
            after=after.name,
            same_tree=old.tree == new.tree,
            facts=(*_facts(old, new), f"files can't be compared: {' and '.join(gone)} was deleted"),
            packages=diff_packages(old.packages, new.packages),
            files=(),
            delta_bytes=new.tree_bytes - old.tree_bytes,
        )

    def diff_releases(self, before: Release, after: Release) -> EnvironmentDifference:
        """Two environments: settings, groups, and what is in the images that differ."""
        groups = []
        for one in diff_groups(before, after):
            old, new = before.groups.get(one.group), after.groups.get(one.group)
            if old and new and old.digest != new.digest:
                looked = self._diff_known(self.store.catalog.get(old.digest), self.store.catalog.get(new.digest))
                groups.append(one.model_copy(update={"image": looked}))
            else:
                groups.append(one)
        return EnvironmentDifference(
            before=release_name(before),
            after=release_name(after),
            settings=diff_settings(before, after),
            groups=tuple(groups),
        )


def _change(change: FileChange, how: str) -> PathChange:
    return PathChange(path=shown_path(change.path), how=how, delta_bytes=change.delta_bytes)


def _facts(old: Manifest, new: Manifest) -> tuple[str, ...]:
    lines = []
    for name in ("kernel_version", "init", "cmdline", "arch", "epoch"):
        if getattr(old, name) != getattr(new, name):
            lines.append(
                f"{name.replace('_', ' ')} {getattr(old, name) or '(none)'} -> {getattr(new, name) or '(none)'}"
            )
    for name in ("writable", "deliver"):
        if getattr(old, name) != getattr(new, name):
            lines.append(
                f"{name} {', '.join(getattr(old, name)) or '(none)'} -> {', '.join(getattr(new, name)) or '(none)'}"
            )
    if old.entrypoint != new.entrypoint:
        was, now = (one.entrypoint.model_dump() if one.entrypoint else {} for one in (old, new))
        lines += [
            f"entrypoint {key} {was.get(key) or '(none)'} -> {now.get(key) or '(none)'}"
            for key in {**was, **now}
            if was.get(key) != now.get(key)
        ]
    if old.state_schema != new.state_schema:
        lines.append(f"state schema {_said(old.state_schema)} -> {_said(new.state_schema)}")
    if old.recipe != new.recipe:
        lines += [
            f"recipe {key.replace('_', ' ')} {str(a)[:19] or '(none)'} -> {str(b)[:19] or '(none)'}"
            for key, a in old.recipe.model_dump().items()
            if a != (b := new.recipe.model_dump()[key])
        ]
    return tuple(lines)


def _said(schema: StateSchema | None) -> str:
    return f"reads {', '.join(map(str, schema.reads))}, writes {schema.writes}" if schema else "(none)"
