"""What a container was made with, and what isn't so any more."""

from __future__ import annotations

from pathlib import Path

from stoneware.engines.container.made import Changed, Made, Place, changes, load, save

HOSTS = Place(kind="ext4", device="254:0", root="/userdata/hosts", read_only=True)
SYS = Place(kind="proc", device="0:9", root="/sys", read_only=True)
MADE = Made(
    run="7@100",
    mounts=(
        ("/", Place(kind="overlay", device="0:7", root="/", read_only=True)),
        ("/etc/hosts", HOSTS),
        ("/proc/sys", SYS),
    ),
    files={"/etc/hosts": "1:2 10 5", "/run/secrets/KEY": "1:3 4 5"},
    settings={"pids.max": "2048"},
    nodes={"/dev/null": "8192 259"},
    addresses=("10.89.0.2",),
)


def now(**changed: object) -> Changed:
    return changes(MADE, MADE.model_copy(update=changed))


def mounts(*more: tuple[str, Place], without: str = "", **other: Place) -> tuple[tuple[str, Place], ...]:
    kept = [(where, other.get(where.rpartition("/")[2], place)) for where, place in MADE.mounts if where != without]
    return (*kept, *more)


def test_nothing_has_changed() -> None:
    assert now() == Changed()


def test_something_is_mounted_where_nothing_was_or_a_second_time() -> None:
    assert now(mounts=mounts(("/usr/share", SYS))) == Changed(mounted=("/usr/share",))
    assert now(mounts=mounts(("/etc/hosts", HOSTS))) == Changed(mounted=("/etc/hosts",))


def test_what_was_mounted_is_gone_or_another_or_writable() -> None:
    assert now(mounts=mounts(without="/proc/sys")) == Changed(unmounted=("/proc/sys",))
    other = HOSTS.model_copy(update={"root": "/run/hosts"})
    assert now(mounts=mounts(hosts=other), files={**MADE.files, "/etc/hosts": "9:9 1 1"}) == Changed(
        unmounted=("/etc/hosts",)
    )
    assert now(mounts=mounts(sys=SYS.model_copy(update={"read_only": False}))) == Changed(unmounted=("/proc/sys",))


def test_a_file_or_a_device_is_made_changed_or_gone() -> None:
    assert now(files={**MADE.files, "/etc/hosts": "1:2 10 6"}) == Changed(written=("/etc/hosts",))
    assert now(files={"/etc/hosts": MADE.files["/etc/hosts"]}) == Changed(written=("/run/secrets/KEY",))
    assert now(nodes={**MADE.nodes, "/dev/vda": "24576 7"}) == Changed(written=("/dev/vda",))


def test_limits_and_addresses() -> None:
    assert now(settings={"pids.max": "max"}) == Changed(settings=("pids.max is 'max', not '2048'",))
    assert now(settings={}) == Changed(settings=("pids.max is 'gone', not '2048'",))
    assert now(addresses=("10.89.0.2", "192.0.2.7")) == Changed(addresses=("192.0.2.7",))
    assert now(addresses=()) == Changed()


def test_it_is_kept_and_what_can_t_be_read_is_nothing(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    save(MADE, tmp_path)
    assert load(tmp_path) == MADE
    (tmp_path / "made.json").write_text("{")
    assert load(tmp_path) is None
