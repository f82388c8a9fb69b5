"""Networks, as settings name them."""

from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

Networks: TypeAlias = tuple[IPv4Network | IPv6Network, ...]
