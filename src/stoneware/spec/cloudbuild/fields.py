"""Every field of Google's format, and what becomes of it here: the one table that the reader, the guide and the tests go by.

The names are those of the v1 REST resource `Build`. What would make another build of it, or another result, is refused with what
to do instead; what only says where and how Google runs it is read and leaves a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What becomes of a field."""

    READ = "read"
    WARNED = "means nothing here"
    REFUSED = "refused"
    WRITTEN = "written by the builder"


@dataclass(frozen=True)
class Field:
    """`kind` names how the value is read (`kinds.py`), or the group that stands there. `says` why it is not, and what to do."""

    fate: Fate
    kind: str = ""
    says: str = ""


def _read(kind: str) -> Field:
    return Field(Fate.READ, kind)


def _warned(says: str) -> Field:
    return Field(Fate.WARNED, says=says)


def _refused(says: str) -> Field:
    return Field(Fate.REFUSED, says=says)


_WRITTEN = Field(Fate.WRITTEN, says="leave it out")
_SECRET = _refused("steps get no secrets: give it to the machines, with `secrets` of their group in stoneware.yaml")
_POOL = _refused("leave it out: steps run on this host")
_UPLOAD = _refused("keep the files with `artifacts.objects`, or upload them in a step of their own")
_LOGS = _warned("logs are kept with the record of the build")
_HOST = _warned("steps run on this host as it is")
_SOURCE = "leave it out: what to build is said when the build is started"

BUILD = {
    "steps": _read("[BuildStep]"),
    "timeout": _read("time"),
    "queueTtl": _read("time"),
    "substitutions": _read("texts by name"),
    "images": _read("texts"),
    "artifacts": _read("Artifacts"),
    "tags": _read("texts"),
    "options": _read("BuildOptions"),
    "availableSecrets": _SECRET,
    "secrets": _SECRET,
    "serviceAccount": _refused("leave it out: steps run with no account"),
    "source": _refused(_SOURCE),
    "dependencies": _refused("fetch it in a step of its own"),
    "gitConfig": _refused("leave it out: git on this host fetches as it is set up here"),
    "logsBucket": _LOGS,
    **dict.fromkeys(
        (
            "approval",
            "buildTriggerId",
            "createTime",
            "failureInfo",
            "finishTime",
            "id",
            "logUrl",
            "name",
            "projectId",
            "results",
            "sourceProvenance",
            "startTime",
            "status",
            "statusDetail",
            "timing",
            "warnings",
        ),
        _WRITTEN,
    ),
}

STEP = {
    "name": _read("text"),
    "args": _read("texts"),
    "entrypoint": _read("text"),
    "script": _read("text"),
    "dir": _read("text"),
    "env": _read("texts"),
    "id": _read("text"),
    "waitFor": _read("texts"),
    "volumes": _read("[Volume]"),
    "timeout": _read("time"),
    "allowFailure": _read("yes or no"),
    "allowExitCodes": _read("codes"),
    "automapSubstitutions": _read("yes or no"),
    "secretEnv": _SECRET,
    "results": _refused("leave it out: nothing is attested of a step; `stoneware/bake` attests what it makes"),
    **dict.fromkeys(("exitCode", "pullTiming", "status", "timing"), _WRITTEN),
}

OPTIONS = {
    "env": _read("texts"),
    "volumes": _read("[Volume]"),
    "substitutionOption": _read("MUST_MATCH | ALLOW_LOOSE"),
    "dynamicSubstitutions": _read("yes or no"),
    "automapSubstitutions": _read("yes or no"),
    "secretEnv": _SECRET,
    "pool": _POOL,
    "workerPool": _POOL,
    "requestedVerifyOption": _refused(
        "leave it out: `stoneware/bake` attests what it makes, and nothing else is attested"
    ),
    "machineType": _HOST,
    "diskSizeGb": _HOST,
    "rankedMachineSeries": _HOST,
    "workerRelease": _HOST,
    "logging": _LOGS,
    "logStreamingOption": _LOGS,
    "enableStructuredLogging": _LOGS,
    "defaultLogsBucketBehavior": _LOGS,
    "pubsubTopic": _warned("nobody is told by Pub/Sub; records of builds say how they are"),
    "sourceProvenanceHash": _warned("a build's record names its commit, which is a hash of the source already"),
    "resolvedWorkerRelease": _WRITTEN,
}

FIELDS: dict[str, dict[str, Field]] = {
    "Build": BUILD,
    "BuildStep": STEP,
    "BuildOptions": OPTIONS,
    "Volume": {"name": _read("text"), "path": _read("text")},
    "Artifacts": {
        "images": _read("texts"),
        "objects": _read("ArtifactObjects"),
        **dict.fromkeys(
            ("genericArtifacts", "goModules", "mavenArtifacts", "npmPackages", "oci", "pythonPackages"), _UPLOAD
        ),
    },
    "ArtifactObjects": {"location": _read("text"), "paths": _read("texts"), "timing": _WRITTEN},
}
"""By the resource's name, then by the field's."""
