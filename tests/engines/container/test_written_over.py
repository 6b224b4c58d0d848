"""What somebody put into the layer over an image."""

from __future__ import annotations

from pathlib import Path

from stoneware.engines.container.attest import written_over


def test_links_files_empty_folders_and_deletions_are_written(tmp_path: Path) -> None:
    (tmp_path / "var/www").mkdir(parents=True)
    (tmp_path / "var/www/html").symlink_to("/tmp")  # a folder of the host
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/mtab").symlink_to("/proc/mounts")
    (tmp_path / "etc/motd").write_text("mine")
    (tmp_path / "empty").mkdir()
    assert sorted(written_over(tmp_path)) == ["/empty", "/etc/motd", "/var/www/html"]


def test_only_podmans_own_link_is_podmans(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/mtab").symlink_to("/tmp/mine")
    assert written_over(tmp_path) == ["/etc/mtab"]
