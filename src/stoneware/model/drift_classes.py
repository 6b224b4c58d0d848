"""The classes of drift as one table: what each means, how bad it is, what is done about it unless somebody declares otherwise.

Nothing is replaced by itself unless a deployment asks for it: a replacement takes evidence away, and a machine out of its
group. Routes are set again, since nothing is lost with what somebody put into a proxy by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stoneware.model.drift import Policy, Severity, View

About = Literal["machine", "place", "route", "thing", "record"]
"""What a class speaks of: a machine that is there and can be made anew, a machine's place that is empty, a route that can be set
again, a thing that only a person can change, or the record that says what is let pass, which can't speak for itself."""

MAY_BE: dict[About, tuple[Policy, ...]] = {
    "machine": tuple(Policy),
    "place": (Policy.IGNORE, Policy.REPORT),
    "route": (Policy.IGNORE, Policy.REPORT, Policy.REPLACE),
    "thing": (Policy.IGNORE, Policy.REPORT),
    "record": (Policy.REPORT,),
}


@dataclass(frozen=True)
class DriftClass:
    """`looks` is how many looks in a row must show it, seconds apart, before it counts: one where nothing that comes and goes
    can look like it."""

    view: View
    severity: Severity
    about: About
    means: str
    policy: Policy = Policy.REPORT
    looks: int = 2

    @property
    def may_be(self) -> tuple[Policy, ...]:
        """The policies that mean something for it."""
        return MAY_BE[self.about]


_R, _F, _I, _P = View.RESOURCES, View.FILES, View.INSIDE, View.POLICY
_BAD, _WARN, _INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
_AGAIN = Policy.REPLACE

CLASSES: dict[str, DriftClass] = {
    "machine.missing": DriftClass(_R, _BAD, "place", "a declared machine isn't there, or its process ended unasked"),
    "machine.extra": DriftClass(_R, _BAD, "thing", "a machine with our tags that nobody declared"),
    "machine.image": DriftClass(_R, _BAD, "machine", "it runs another image than its release pins", looks=1),
    "machine.size": DriftClass(_R, _WARN, "machine", "it has other cpus or another memory than declared"),
    "machine.disk": DriftClass(_R, _WARN, "machine", "other disks are plugged in than declared"),
    "machine.address": DriftClass(_R, _WARN, "machine", "other ports of it can be reached than declared"),
    "machine.configuration": DriftClass(_R, _BAD, "machine", "it was made with another configuration or other secrets"),
    "machine.tainted": DriftClass(_R, _BAD, "machine", "somebody was in it: nobody can vouch for it any more", looks=1),
    "disk.missing": DriftClass(_R, _BAD, "thing", "a declared disk isn't there"),
    "disk.extra": DriftClass(_R, _WARN, "thing", "a disk with our tags that nobody declared or made"),
    "disk.size": DriftClass(_R, _WARN, "thing", "a disk has another size than declared"),
    "disk.writer": DriftClass(_R, _BAD, "thing", "a disk is with another machine than its own"),
    "route.missing": DriftClass(_R, _BAD, "route", "the proxy has no such service", policy=_AGAIN),
    "route.changed": DriftClass(_R, _BAD, "route", "the proxy sends requests elsewhere than declared", policy=_AGAIN),
    "route.weights": DriftClass(
        _R, _BAD, "route", "the proxy gives others a share that nobody declared", policy=_AGAIN
    ),
    "route.extra": DriftClass(_R, _BAD, "thing", "a service with our tags that nobody declared"),
    "release.changed": DriftClass(_R, _BAD, "record", "the current release isn't what is on record", looks=1),
    "ledger.broken": DriftClass(_R, _BAD, "record", "an entry of the ledger was changed, added or taken away", looks=1),
    "operation.forged": DriftClass(
        _R, _BAD, "record", "somebody wrote an operation, or a word to one, that nobody entered on record", looks=1
    ),
    "installation.changed": DriftClass(
        _R, _BAD, "record", "a setting of the installation isn't what was decided on record"
    ),
    "clock.back": DriftClass(_R, _WARN, "thing", "this host's clock says an earlier time than the ledger's entries"),
    "image.file": DriftClass(_F, _BAD, "thing", "a stored image isn't what its digests say", looks=1),
    "machine.files": DriftClass(
        _F, _BAD, "machine", "its process works on other files or devices than it was made with"
    ),
    "inside.root-hash": DriftClass(_I, _BAD, "machine", "its kernel enforces another root hash", looks=1),
    "inside.corrupted": DriftClass(_I, _BAD, "machine", "its kernel met a block that its hash tree denies", looks=1),
    "inside.written": DriftClass(_I, _BAD, "machine", "something was written outside of what is declared writable"),
    "inside.mounted": DriftClass(_I, _BAD, "machine", "something is mounted that it wasn't made with"),
    "inside.port": DriftClass(_I, _BAD, "machine", "other ports listen than in the image's boot test"),
    "inside.unit": DriftClass(_I, _WARN, "machine", "other units are active than in the image's boot test"),
    "inside.program": DriftClass(_I, _WARN, "machine", "a program runs that the image's boot test didn't see"),
    "inside.session": DriftClass(_I, _BAD, "machine", "somebody is logged in, and not by break-glass"),
    "inside.silent": DriftClass(_I, _WARN, "machine", "it serves, and doesn't say what it runs", looks=3),
    "image.changed": DriftClass(_P, _BAD, "thing", "what may be done with an image isn't what was decided on record"),
    "policy.revoked": DriftClass(_P, _BAD, "thing", "it runs an image that is revoked", looks=1),
    "policy.obsolete": DriftClass(_P, _WARN, "thing", "it runs an image whose new use is refused", looks=1),
    "policy.deprecated": DriftClass(_P, _INFO, "thing", "its group runs an image that the family skips", looks=1),
    "policy.too-old": DriftClass(_P, _WARN, "machine", "it is older than its group allows"),
    "policy.unpromoted": DriftClass(_P, _WARN, "thing", "its image never ran in the environment before", looks=1),
    "policy.base-outdated": DriftClass(_P, _INFO, "thing", "the image's base has a newer version", looks=1),
}
"""Every class, by the name that policies and reports call it."""
