"""Where a call comes from, behind proxies too: what a proxy of ours says counts, what anybody else says does not."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from aiohttp import web

Network = IPv4Network | IPv6Network


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks as the settings have them: `10.0.0.0/8`. Raises ValueError."""
    return tuple(ip_network(text) for text in texts)


def client(request: web.Request, trusted: tuple[Network, ...]) -> str:
    """The last address that no trusted proxy vouches for."""
    address = request.remote or ""
    if not trusted or not _is_in(address, trusted):
        return address
    for part in reversed(request.headers.get("X-Forwarded-For", "")[-1000:].split(",")):
        named = _known(part.strip())
        if not named:
            break
        address = named
        if not _is_in(address, trusted):
            break
    return address


@lru_cache(maxsize=4096)
def _is_in(address: str, trusted: tuple[Network, ...]) -> bool:
    known = _known(address)
    return bool(known) and any(ip_address(known) in network for network in trusted)


def _known(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
