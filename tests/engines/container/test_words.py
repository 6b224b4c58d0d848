"""podman's command line: a function of what is wanted, safe for every name and value."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.engines.container.folder import Folder, MachineRecord
from stoneware.engines.container.images import ImageRecord
from stoneware.engines.container.networks import Network
from stoneware.engines.container.words import create_words, entrypoint_env, host_name, machine_id
from stoneware.model.machine import DiskMount, WantedMachine

FOLDER = Folder(Path("/home/machines/town-web-r1-0"))
NETWORK = Network(name="stoneware-1", interface="sw1", subnet="10.64.0.0/20", internal=False)
values = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=30)


def record(**more: Any) -> MachineRecord:
    given = {"name": "town-web-r1-0", "owner": "town", "group": "web", "fleet": 1, "index": 0, "digest": "sha256:77"}
    wanted = WantedMachine(**given, cpus=2, memory_bytes=2**29, **more)
    return MachineRecord(wanted=wanted, ip="10.64.0.9", created_at=0)


def image(init: str = "/sbin/init", *writable: str, user: str = "") -> ImageRecord:
    return ImageRecord(
        digest="sha256:77", image_id="88", oci_digest="sha256:99", init=init, writable=writable, user=user
    )


def words(made: MachineRecord, of: ImageRecord) -> list[str]:
    mounts = {mount.disk: Path("/home/mounts") / mount.disk for mount in made.wanted.disks}
    return create_words(FOLDER, made, of, NETWORK, mounts)


def after(option: str, line: list[str]) -> list[str]:
    """The values that follow an option, in order."""
    return [value for word, value in itertools.pairwise(line) if word == option]


def test_the_machine_is_the_wanted_one() -> None:
    line = words(record(), image())
    assert after("--name", line) == after("--hostname", line) == ["town-web-r1-0"]
    assert after("--network", line) == ["stoneware-1:ip=10.64.0.9,mac=0a:58:0a:40:00:09"]
    assert (after("--cpus", line), after("--memory", line), after("--memory-swap", line)) == (
        ["2"],
        ["536870912b"],
        ["536870912b"],
    )
    assert "org.stoneware.digest=sha256:77" in after("--label", line)


def test_a_host_name_is_never_too_long_for_the_kernel() -> None:
    assert host_name("town-web-r1-0") == "town-web-r1-0"
    assert host_name(f"{'a' * 40}-{'b' * 21}-r1-0") == f"{'a' * 40}-{'b' * 21}"


def test_nothing_is_writable_that_was_not_declared() -> None:
    for of in (image(), image("")):
        line = words(record(), of)
        assert {"--read-only", "--read-only-tmpfs=false", "--image-volume=ignore", "--cap-drop=all"} < set(line)
        assert "no-new-privileges" in after("--security-opt", line)
        assert not [word for word in line if word in ("--privileged", "--publish") or "SYS_ADMIN" in word]
        assert not [volume for volume in after("--volume", line) if ":ro" not in volume]


@pytest.mark.parametrize("user", ["1234", "www-data", "1234:0", "?"])
def test_who_is_not_root_is_given_nothing(user: str) -> None:
    line = words(record(), image("", user=user))
    assert not [word for word in line if word.startswith("--cap-add")]
    assert "--cap-drop=all" in line


@pytest.mark.parametrize(("init", "user"), [("", ""), ("", "0:0"), ("", "root"), ("/sbin/init", "www-data")])
def test_root_and_systemd_are_given_what_services_need(init: str, user: str) -> None:
    line = words(record(), image(init, user=user))
    [given] = [word for word in line if word.startswith("--cap-add")]
    assert {"SETUID", "CHOWN"} < set(given.removeprefix("--cap-add=").split(","))
    assert ("SETPCAP" in given) == bool(init)


def test_secrets_have_memory_of_their_own_and_are_in_no_word() -> None:
    line = words(record(secrets={"DB_PASSWORD": "db-password/2"}), image())
    [place] = [given for given in after("--tmpfs", line) if given.startswith("/run/secrets:")]
    assert {"nosuid", "nodev", "noexec", "notmpcopyup"} <= set(place.partition(":")[2].split(","))
    assert [word for word in line if "db-password" in word or "DB_PASSWORD" in word] == []
    assert not [given for given in after("--tmpfs", words(record(), image())) if "/run/secrets" in given]


def test_writable_paths_are_in_memory_and_disks_where_they_are_wanted() -> None:
    made = record(disks=(DiskMount(disk="data", mount="/srv"), DiskMount(disk="logs", mount="/var/log/app")))
    line = words(made, image("/sbin/init", "/var/cache/app"))
    assert after("--tmpfs", line) == ["/var/cache/app:rw,nosuid,nodev"]
    assert [volume for volume in after("--volume", line) if ":rw" in volume] == [
        "/home/mounts/data:/srv:rw,nosuid,nodev,rprivate",
        "/home/mounts/logs:/var/log/app:rw,nosuid,nodev,rprivate",
    ]


def test_systemd_is_started_with_its_words_and_told_its_units() -> None:
    line = words(record(), image("/lib/systemd/systemd"))
    assert after("--entrypoint", line) == ['["/lib/systemd/systemd"]']
    name = line.index("localhost/stoneware:77")
    assert line[name + 1] == "systemd.unit=multi-user.target"
    assert all(word.startswith("systemd.") for word in line[name + 1 :])
    assert "--systemd=always" in line
    assert f"{FOLDER.told}/system:/run/systemd/system:ro,rprivate" in after("--volume", line)


def test_without_an_init_the_image_says_what_is_started() -> None:
    line = words(record(), image(""))
    assert line[-1] == "localhost/stoneware:77"
    assert not {"--entrypoint", "--user", "--systemd=always"} & set(line)
    assert after("--env-file", line) == [f"{FOLDER.told}/env"]
    assert [path.split(":")[0] for path in after("--tmpfs", line)] == ["/run", "/tmp"]


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,5}", fullmatch=True), values, max_size=4))
def test_every_value_reaches_the_entrypoint_as_it_was_declared(config: dict[str, str]) -> None:
    told = [line.partition("=") for line in entrypoint_env(config).split("\n")[:-1]]
    assert {key: value for key, _, value in told} == config


def test_a_machine_has_an_id_of_its_own_that_stays() -> None:
    made = record()
    assert machine_id(FOLDER, made) == machine_id(FOLDER, made.model_copy(update={"on": False}))
    assert machine_id(FOLDER, made) != machine_id(FOLDER, made.model_copy(update={"created_at": 1.0}))
    assert len(machine_id(FOLDER, made)) == 33
