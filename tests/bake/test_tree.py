"""Layers on each other hold what a kernel shows of them, in whatever groups they are joined."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stoneware.bake.tree import OPAQUE, WHITEOUT, Node, Tree, listing, merged, stack, tree_digest
from stoneware.model.listing import FileEntry

NAMES = ("a", "b", "a/c", "a/d", "b/c", "a/c/e", "a/d/e")


def node(kind: str, ref: str = "", opaque: bool = False) -> Node:
    return Node(FileEntry(kind, 0o644, 0, 0, len(ref), ref, (OPAQUE,) if opaque else ()))


@st.composite
def layers(draw: st.DrawFn) -> Tree:
    """A layer as overlayfs has it: what lies in a folder stands below that folder."""
    tree: Tree = {".": node("d")}
    for path in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        kind = draw(st.sampled_from(["f", "d", WHITEOUT]))
        parents = [path[:end] for end, letter in enumerate(path) if letter == "/"]
        if all(tree.get(parent, node("d")).is_folder for parent in parents) and path not in tree:
            tree |= {parent: node("d") for parent in parents if parent not in tree}
            tree[path] = node(
                kind, draw(st.sampled_from("xy")) if kind == "f" else "", kind == "d" and draw(st.booleans())
            )
    return tree


def shown(stacked: list[Tree]) -> dict[str, tuple[str, str]]:
    """What overlayfs shows, looked up name by name from the top, as its documentation says."""
    seen: dict[str, tuple[str, str]] = {}

    def look(path: str, below: list[Tree]) -> None:
        """`below`: the layers that take part in the folder `path`, uppermost first."""
        names = {name for tree in below for name in tree if name.rpartition("/")[0] == path and name != "."}
        for name in names:
            parts: list[Tree] = []
            for tree in below:
                found = tree.get(name)
                if found is None:
                    continue
                if not found.is_folder:
                    if not parts and found.entry.kind != WHITEOUT:
                        seen[name] = (found.entry.kind, found.entry.ref)
                    break
                parts.append(tree)
                if found.opaque:
                    break
            if parts:
                seen[name] = ("d", "")
                look(name, parts)

    look("", list(reversed(stacked)))
    return seen


def plain(tree: Tree) -> dict[str, tuple[str, str]]:
    return {path: (one.entry.kind, one.entry.ref) for path, one in tree.items() if path != "."}


@given(st.lists(layers(), min_size=1, max_size=5))
def test_a_stack_holds_what_the_kernel_shows(given_layers: list[Tree]) -> None:
    assert plain(stack(given_layers, bottom=True)) == shown(given_layers)


@given(st.lists(layers(), min_size=1, max_size=5), st.data())
def test_joining_layers_changes_nothing_that_is_seen(given_layers: list[Tree], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(given_layers)))
    end = data.draw(st.integers(first, len(given_layers)))
    joined = stack(given_layers[first:end], bottom=first == 0) if end > first else {".": node("d")}
    assert shown([*given_layers[:first], joined, *given_layers[end:]]) == shown(given_layers)


def test_the_digest_of_a_tree_is_that_of_what_is_seen() -> None:
    lower = {".": node("d"), "a": node("d"), "a/c": node("f", "x")}
    upper = {".": node("d"), "a": node("d"), "a/c": node("f", "y")}
    at_once = tree_digest(listing(stack([upper], bottom=True)))
    assert tree_digest(listing(stack([lower, upper], bottom=True))) == at_once
    assert tree_digest(listing(stack([lower], bottom=True))) != at_once
    assert OPAQUE not in stack([{"a": node("d", opaque=True)}], bottom=True)["a"].entry.xattrs


def named(*names: str, inode: int, ref: str = "x") -> Tree:
    """One file under several names."""
    return {name: Node(FileEntry("f", 0o644, 0, 0, 1, ref, ()), twin=(9, inode)) for name in names}


def test_a_tree_with_hard_links_is_another_than_one_with_copies() -> None:
    linked, copied = named("a", "b", inode=1), named("a", inode=1) | named("b", inode=2)
    assert {path: entry.link for path, entry in listing(linked).items()} == {"a": "", "b": "a"}
    assert {entry.link for entry in listing(copied).values()} == {""}
    assert tree_digest(listing(linked)) != tree_digest(listing(copied))
    rewritten = named("a", inode=1) | named("b", inode=1, ref="y")
    assert {entry.link for entry in listing(rewritten).values()} == {""}, "they are sealed with other contents"


def test_names_are_of_one_file_as_far_as_no_layer_hides_them() -> None:
    lower = listing(named("a", "b", "c", inode=1))
    for upper, links in (
        ({"a": node(WHITEOUT)}, {"b": "", "c": "b"}),
        (named("b", inode=1), {"a": "", "b": "", "c": "a"}),
        (named("b", "d", inode=1), {"a": "", "b": "", "c": "a", "d": "b"}),
    ):
        assert {path: entry.link for path, entry in merged([lower, listing(upper)]).items()} == links
