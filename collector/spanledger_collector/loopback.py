"""Which names are this machine itself."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(name: str) -> bool:
    """Is this name or address of a host the machine itself?"""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def asked_by_own_name(host: str) -> bool:
    """Is this `Host` header a name of the machine itself? A page in a browser can have its own name resolved to this machine, and
    then read what needs no key."""
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False
