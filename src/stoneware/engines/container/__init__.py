"""Engine `container`: machines as system containers on this host, run by podman."""

from stoneware.engines.container.checks import check_host
from stoneware.engines.container.engine import ContainerEngine
from stoneware.engines.container.units import Masks

__all__ = ["ContainerEngine", "Masks", "check_host"]
