"""Who says that an image is good. The one place that an import asks."""

from __future__ import annotations

from pathlib import Path

from stoneware.model.image import Manifest


def check_signatures(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """Looks at what is attached to an image that is about to enter. `folder` has all its files, whole, manifest.json among them.

    Returns warnings for people. Raises Refused for a signature that is wrong: then nothing of the image stays.
    """
    signed = sorted(path.name for path in folder.glob("*.dsse.json"))
    if signed:
        return (f"signatures of {manifest.digest[:19]} were not checked: {', '.join(signed)}",)
    return (f"nobody has signed {manifest.digest[:19]}: that its boot test passed is what the file says",)
