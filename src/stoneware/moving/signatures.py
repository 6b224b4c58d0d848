"""Who says that an image is good. The one place that an import asks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stoneware.bake.attest import BOOT_TEST_FILE, PROVENANCE_FILE, Notary
from stoneware.bake.provenance import record_in
from stoneware.errors import Refused
from stoneware.host.home import Home
from stoneware.model.image import BootTestRecord, Manifest

HINT = "`stoneware key show` there, `stoneware key trust` here; then import it again"


@dataclass(frozen=True)
class Vouched:
    """The ids of the keys that signed, and the boot test that they vouch for."""

    keys: tuple[str, ...]
    tested: BootTestRecord


def check_signatures(home: Home, folder: Path, manifest: Manifest) -> Vouched:
    """Proves what is stated of an image that is about to enter: how it was made, and that its boot test passed. `folder` has all
    its files, whole, manifest.json among them.

    The boot test is what was signed, for machines are compared with it. Raises Refused for a signature that is missing, wrong, or
    by a key that isn't trusted here: then nothing of the image stays.
    """
    notary, digest = Notary(home), manifest.digest
    for file in (PROVENANCE_FILE, BOOT_TEST_FILE):
        if not (folder / file).is_file():
            raise Refused(
                f"nobody has signed image {digest[:19]}: {file} is missing",
                "export it where it was baked",
                code="signature-invalid",
            )
    try:
        made = notary.read(folder, PROVENANCE_FILE, digest)
        tested = notary.require_passed(folder, digest)
    except Refused as wrong:
        raise Refused(
            wrong.message, wrong.next_step if "trust" not in wrong.message else HINT, code=wrong.code
        ) from None
    return Vouched(tuple(sorted({*made.keys, *tested.keys})), record_in(tested.statement, digest))
