"""What an installation says of an image, signed, beside the image's files: how it was made, and how it was tested.

They are no part of the image: two installations that seal the same tree have the same image, and each says for itself how.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stoneware import __version__
from stoneware.bake.provenance import boot_test, provenance
from stoneware.bake.signing import NOT_TRUSTED, Verified, sign, verify
from stoneware.errors import Refused
from stoneware.host.files import write_atomic
from stoneware.host.home import Home
from stoneware.host.signing_key import installation_key
from stoneware.host.trusted_keys import believed_keys
from stoneware.model.attestation import BOOT_TEST, PROVENANCE, BootTestFacts, Material, ProvenanceFacts, Statement
from stoneware.model.image import Artifact, BootTestRecord, Recipe

PROVENANCE_FILE = "provenance.dsse.json"
BOOT_TEST_FILE = "boot-test.dsse.json"
ATTESTATIONS = {PROVENANCE_FILE: PROVENANCE, BOOT_TEST_FILE: BOOT_TEST}
"""Files in an image's folder, with the type of what they state."""


@dataclass(frozen=True)
class Notary:
    """Writes and reads statements with the keys of one home."""

    home: Home

    def state_provenance(
        self,
        artifact: Artifact,
        repository: str,
        operation: str,
        began: float,
        ended: float,
        materials: tuple[Material, ...] = (),
        build: str = "",
    ) -> bool:
        """How an image came to be, `materials` beside recipe, base and kernel; `build` is the build of which the bake was a step.
        What was stated of the same image before stays, unless it was changed. Returns whether this is stated now."""
        manifest, recipe = artifact.manifest, artifact.manifest.recipe
        kernel = None
        if "vmlinux" in manifest.files:
            digest = {"sha256": manifest.files["vmlinux"].sha256}
            kernel = Material(name=f"linux {manifest.kernel_version}", digest=digest)
        facts = ProvenanceFacts(
            family=manifest.family,
            digest=manifest.digest,
            files={sealed.name: sealed.sha256 for sealed in manifest.files.values()},
            containerfile=recipe.containerfile,
            containerfile_sha256=recipe.containerfile_sha256,
            repository=repository,
            commit=recipe.commit,
            dirty=recipe.dirty,
            base=recipe.base,
            base_digest=recipe.base_digest or None,
            kernel=kernel,
            materials=(*_others(recipe), *materials),
            deliver=manifest.deliver,
            writable=manifest.writable,
            parameters={"epoch": str(manifest.epoch), "tree": manifest.tree, **({"build": build} if build else {})},
            builder=installation_key(self.home).public.id,
            stoneware_version=__version__,
            invocation=operation,
            started_at=began,
            finished_at=max(began, ended),
        )
        lacking = self.lacks(artifact.folder, PROVENANCE_FILE, manifest.digest)
        if lacking:
            self._write(artifact.folder / PROVENANCE_FILE, provenance(facts))
        return lacking

    def state_boot_test(self, artifact: Artifact, record: BootTestRecord, operation: str) -> None:
        """That this very image was started, and what it answered."""
        facts = BootTestFacts(
            family=artifact.manifest.family,
            digest=record.digest,
            passed=record.passed,
            tests=record.results,
            console_tail=record.console_tail,
            inside={str(delivery): seen for delivery, seen in record.inside.items()},
            engine=",".join(artifact.manifest.deliver),
            builder=installation_key(self.home).public.id,
            stoneware_version=__version__,
            invocation=operation,
            started_at=record.started_at,
            finished_at=record.started_at + max(0.0, record.seconds),
        )
        self._write(artifact.folder / BOOT_TEST_FILE, boot_test(facts))

    def read(self, folder: Path, file: str, digest: str) -> Verified:
        """A statement about the image with this digest, its signature proven. Raises Refused naming what is wrong."""
        try:
            data = (folder / file).read_bytes()
        except FileNotFoundError:
            raise Refused(
                f"image {digest[:19]}: {file} is missing",
                "bake it again, or import it with its signature",
                code="signature-invalid",
            ) from None
        try:
            return verify(data, believed_keys(self.home), predicate_type=ATTESTATIONS[file], digest=digest)
        except Refused as wrong:
            raise Refused(f"image {digest[:19]}: {file}: {wrong.message}", wrong.next_step, code=wrong.code) from None

    def lacks(self, folder: Path, file: str, digest: str) -> bool:
        """Whether a statement is missing, or was changed. One by a key that isn't trusted here is there: whom to trust is for
        people to say."""
        try:
            self.read(folder, file, digest)
        except Refused as wrong:
            return NOT_TRUSTED not in wrong.message
        return False

    def require_passed(self, folder: Path, digest: str) -> Verified:
        """The signed record of a boot test that passed. Raises Refused."""
        found = self.read(folder, BOOT_TEST_FILE, digest)
        if found.statement.predicate.get("result") != "PASSED":
            raise Refused(f"image {digest[:19]}: its boot test didn't pass", "bake it again", code="image-untested")
        return found

    def _write(self, path: Path, statement: Statement) -> None:
        write_atomic(path, sign(statement, installation_key(self.home)).to_json(), mode=0o444)


def _others(recipe: Recipe) -> list[Material]:
    """The images that a recipe takes something from beside its base, as far as their digests are known."""
    known = {name: digest.removeprefix("sha256:") for name, digest in sorted(recipe.others.items()) if digest}
    return [Material(name=name, digest={"sha256": digest}) for name, digest in known.items()]
