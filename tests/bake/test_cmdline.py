"""The kernel's command line: one line of words, each with no blank in it, and never longer than a kernel reads."""

from __future__ import annotations

import pytest

from stoneware.bake.cmdline import LONGEST, kernel_cmdline
from stoneware.errors import BakeFailed
from stoneware.model.image import Verity

VERITY = Verity(root_hash="ab" * 32, salt="-", data_blocks=1000, hash_start_block=1000)


def test_it_says_how_the_root_is_verified_and_what_starts() -> None:
    words = kernel_cmdline([VERITY], "/sbin/init", ()).split(" ")
    assert f"stoneware.verity=1000:1000:-:{'ab' * 32}" in words
    assert "stoneware.init=/sbin/init" in words
    assert not any(word.startswith("stoneware.writable") for word in words)
    assert all(words)


def test_layers_stand_in_their_order_and_an_image_may_have_no_init() -> None:
    upper = VERITY.model_copy(update={"root_hash": "cd" * 32})
    words = kernel_cmdline([VERITY, upper], "", ()).split(" ")
    assert [word[-2:] for word in words if word.startswith("stoneware.verity")] == ["ab", "cd"]
    assert not any(word.startswith("stoneware.init") for word in words)


def test_writable_paths_are_one_word() -> None:
    assert (
        "stoneware.writable=/srv,/var/log/a" in kernel_cmdline([VERITY], "/sbin/init", ["/srv", "/var/log/a"]).split()
    )


def test_a_line_that_the_kernel_would_cut_off_is_refused() -> None:
    paths = [f"/var/lib/some/rather/long/path/{i:03d}" for i in range(60)]
    with pytest.raises(BakeFailed, match=f"more than {LONGEST}"):
        kernel_cmdline([VERITY], "/sbin/init", paths)
    assert len(kernel_cmdline([VERITY], "/sbin/init", paths[:25])) <= LONGEST
