"""A machine can't be changed: what is neither declared writable nor in memory refuses every write, and the machine says so."""

from __future__ import annotations

import pytest
from tests.support.town import Town

RECIPE = """\
FROM stoneware/debian:12
RUN mkdir -p /srv/scratch
COPY probe /usr/local/bin/probe
COPY probe.service /etc/systemd/system/probe.service
RUN chmod 755 /usr/local/bin/probe && systemctl enable probe
"""
PROBE = """\
#!/bin/sh
for place in /etc /usr /var /var/lib /srv /opt /root /boot / /run /tmp /srv/scratch; do
    if (echo x >$place/probe-was-here) 2>/dev/null; then said="takes it"; else said="refuses"; fi
    echo "PROBE $place $said" >/dev/console
done
if mount -o remount,rw / 2>/dev/null; then echo "PROBE remount takes it" >/dev/console; fi
if getent passwd | grep -q ':/bin/\\(ba\\)\\?sh$' && systemctl is-active getty.target ssh.service >/dev/null; then
    echo "PROBE login open" >/dev/console
fi
systemctl list-timers --no-legend | sed 's/^/PROBE timer /' >/dev/console
echo "PROBE done" >/dev/console
"""
UNIT = """\
[Service]
Type=oneshot
ExecStart=/usr/local/bin/probe
[Install]
WantedBy=multi-user.target
"""
REFUSES = ("/etc", "/usr", "/var", "/var/lib", "/srv", "/opt", "/root", "/boot", "/")
TAKES = ("/run", "/tmp", "/srv/scratch")


@pytest.mark.vm
def test_only_memory_and_declared_paths_take_a_write(workshop: Town) -> None:
    tests = [f'      - console: {{ contains: "PROBE {place} refuses" }}' for place in REFUSES]
    tests += [f'      - console: {{ contains: "PROBE {place} takes it" }}' for place in TAKES]
    tests += [f'      - console: {{ lacks: "PROBE {bad}" }}' for bad in ("remount", "login", "timer")]
    tests += ['      - console: { contains: "PROBE done" }', "      - units: { failed: 0 }"]
    for name, text in (("Containerfile", RECIPE), ("probe", PROBE), ("probe.service", UNIT)):
        (workshop.repository / name).write_text(text)
    image = "images:\n  probe:\n    writable: [/srv/scratch]\n    test:\n" + "\n".join(tests) + "\n"
    (workshop.repository / "stoneware.yaml").write_text(image)
    said = workshop.cli("bake", "probe").stdout
    assert "published probe/1" in said
    test = workshop.json("image", "show", "probe/1")["boot_test"]
    assert len(test["results"]) == len(tests)
