"""A recipe without an init, quick to bake and to boot: busybox serves a file."""

from __future__ import annotations

import random
from pathlib import Path

RECIPE = """\
FROM stoneware/debian:12 AS tools
RUN apt-get update && apt-get install -y --no-install-recommends busybox-static && rm -rf /var/lib/apt/lists/*
FROM scratch
COPY --from=tools /bin/busybox /bin/busybox
COPY passwd /etc/passwd
COPY ballast /srv/ballast
COPY serve /bin/serve
ENV GREETING="a greeting  with\\ttabs" PATH=/bin
USER www
WORKDIR /srv
ENTRYPOINT ["/bin/busybox", "sh", "/bin/serve"]
CMD ["two words"]
"""
PASSWD = "root:x:0:0::/:/bin/sh\nwww:x:33:33::/srv:/bin/sh\n"
SERVE = """\
echo "I am $(/bin/busybox id -u):$(/bin/busybox id -g) in $(/bin/busybox pwd), [$1], home $HOME"
exec /bin/busybox httpd -f -p 8080 -h /etc
"""
DECLARED = """\
images:
  plain:
    test:
      - http: { port: 8080, path: /passwd, body: www }
"""
BALLAST = random.Random(7).randbytes(2**20)
"""What nobody reads at boot, the same each time; it can't be compressed, so that it stands in a sealed layer as it is."""


def write_plain(folder: Path, declared: str = DECLARED) -> None:
    """The recipe's files."""
    for name, text in (("Containerfile", RECIPE), ("passwd", PASSWD), ("serve", SERVE), ("stoneware.yaml", declared)):
        (folder / name).write_text(text)
    (folder / "ballast").write_bytes(BALLAST)
