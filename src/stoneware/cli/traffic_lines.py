"""What stands behind a service now, as lines: who gets which share, who is up, and who is still busy where nothing new goes."""

from __future__ import annotations

from collections.abc import Iterator

from stoneware.model.route import PoolView, RouteView


def traffic_lines(route: RouteView) -> Iterator[str]:
    """A line a service, and one a pool."""
    yield f"{route.service} at {route.listen}" + (" (requests are held)" if route.held else "")
    for slot, pool in sorted(route.pools.items()):
        up = sum(member.state == "UP" for member in pool.members)
        share = route.share_of(slot)
        left = _left(pool, stay=slot in route.staying) if share == 0 else ""
        yield f"  {share:3d} % {pool.fleet}: {up} of {len(pool.members)} up{left}"


def _left(pool: PoolView, *, stay: bool) -> str:
    """What a pool that gets nothing new has still to do."""
    requests = sum(member.open_requests for member in pool.members)
    parts = [f"{requests} {'request is' if requests == 1 else 'requests are'} open"] if requests else []
    if stay and pool.sessions:
        parts.append(f"{pool.sessions} {'client stays' if pool.sessions == 1 else 'clients stay'}")
    return f"; {', '.join(parts)}" if parts else ""
