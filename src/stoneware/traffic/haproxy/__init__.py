"""The traffic switch `haproxy`: one proxy process a service."""

from stoneware.traffic.haproxy.switch import HaproxySwitch

__all__ = ["HaproxySwitch"]
