"""Where requests may go: a URL that somebody gave must not reach what only this machine or its cloud can reach.

The address that was checked is the one that is connected to: the check sits in the resolver, so a name that resolves
differently a moment later gains nothing. Private networks are allowed: that is where the NAS and its neighbours are.
"""

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from asynctask.core.notifications.addresses import Networks

NAT64 = IPv6Network("64:ff9b::/96")
METADATA = (
    ip_network("169.254.0.0/16"),  # link-local, with the metadata services of most clouds
    ip_network("fe80::/10"),
    ip_network("fd00:ec2::254/128"),
    ip_network("100.100.100.200/32"),
    ip_network("192.0.0.192/32"),
    ip_network("168.63.129.16/32"),
)


class ForbiddenAddress(Exception):
    """The URL leads where it may not. Says nothing of the rest of the URL."""


def check_url(url: str, allowed: Networks = ()) -> URL:
    """The URL, if it may be asked for. Raises ForbiddenAddress."""
    try:
        parsed = URL(url)
        host = parsed.host
    except ValueError:
        raise ForbiddenAddress("not a URL") from None
    if parsed.scheme not in {"http", "https"} or not host:
        raise ForbiddenAddress("the URL must begin with http:// or https:// and name a host")
    try:
        literal = ip_address(host.partition("%")[0])
    except ValueError:
        return parsed  # a name: the resolver checks what it leads to
    check_address(literal, allowed)
    return parsed


def check_address(address: IPv4Address | IPv6Address, allowed: Networks = ()) -> None:
    """Raises ForbiddenAddress for this machine, its link, and metadata services, unless the networks have it."""
    for seen in _meanings(address):
        if any(seen.version == network.version and seen in network for network in allowed):
            continue
        forbidden = (
            seen.is_loopback
            or seen.is_link_local
            or seen.is_unspecified
            or seen.is_multicast
            or (seen.is_reserved and seen not in NAT64)
            or any(seen.version == network.version and seen in network for network in METADATA)
        )
        if forbidden:
            raise ForbiddenAddress(f"{seen} may not be asked; `allowedNetworks` of the channel can allow it")


def _meanings(address: IPv4Address | IPv6Address) -> Sequence[IPv4Address | IPv6Address]:
    """An address, or the IPv4 address that it stands for."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address.sixtofour:
        return address, address.sixtofour
    if address in NAT64:
        return (IPv4Address(int(address) & 0xFFFF_FFFF),)
    return (address,)


class GuardedResolver(AbstractResolver):
    """Resolves names, and leaves out addresses that may not be asked. Raises ForbiddenAddress when none is left."""

    def __init__(self, allowed: Networks = (), inner: AbstractResolver | None = None) -> None:
        self._allowed = allowed
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host that may be asked."""
        found = await self._inner.resolve(host, port, family)
        kept, refusal = [], None
        for result in found:
            try:
                check_address(ip_address(result["host"].partition("%")[0]), self._allowed)
            except ForbiddenAddress as error:
                refusal = error
            else:
                kept.append(result)
        if refusal and not kept:
            raise refusal
        return kept

    async def close(self) -> None:
        """Let go."""
        await self._inner.close()
