"""The addresses that a network has, as its kernel lists them (proc(5) doesn't describe it: `net/fib_trie`, see the kernel's
`net/ipv4/fib_trie.c`). Pure."""

from __future__ import annotations

from collections.abc import Iterable


def local_addresses(lines: Iterable[str]) -> set[str]:
    """IPv4 addresses at which it is reached, without those of the loopback: a leaf (`|-- 10.89.0.2`), and below it what it is."""
    found, leaf = set[str](), ""
    for line in lines:
        words = line.split()
        if words[:1] == ["|--"] and len(words) == 2:
            leaf = words[1]
        elif words[:1] == ["/32"] and words[-1] == "LOCAL" and not leaf.startswith("127."):
            found.add(leaf)
    return found
