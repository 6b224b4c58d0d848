"""Google Cloud Build's files: read as they are, refused where they can't run here, and expanded into a `BuildSpec`."""

from stoneware.spec.cloudbuild.expand import expand
from stoneware.spec.cloudbuild.file import CloudBuild
from stoneware.spec.cloudbuild.own import own_build
from stoneware.spec.cloudbuild.read import read_cloudbuild

__all__ = ["CloudBuild", "expand", "own_build", "read_cloudbuild"]
