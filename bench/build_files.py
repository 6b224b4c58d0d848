"""The corpus of build files: how many there are, and how many are handled otherwise than each of them says."""

from __future__ import annotations

from tests.support.cloudbuild import cases

from bench.ground import Ground, say
from bench.registry import Figure, benchmark

ENOUGH = 60


@benchmark("build.corpus", unit="files", at_least=ENOUGH)
def corpus(_ground: Ground) -> Figure:
    """All files, good and bad; each says what is expected of it."""
    files = cases()
    good = sum(one.good for one in files)
    return Figure([len(files)], f"{good} that can be read and expanded, {len(files) - good} that can't")


@benchmark("build.corpus_failed", unit="files", limit=0)
def corpus_failed(_ground: Ground) -> Figure:
    """Files whose expansion, or whose problems with their lines, differ from what they say."""
    wrong = {one.name: found for one in cases() if (found := one.complaints())}
    for name, found in wrong.items():
        say(f"{name}: {found[0]}")
    return Figure([len(wrong)], ", ".join(wrong) or "each as it says itself", counted=True)
