"""Is an address on this machine? Without TLS nothing else is listened to, nor told a token. Looks nothing up."""

import ipaddress


def is_loopback(host: str) -> bool:
    """True for localhost and the loopback addresses; False for every other name, wherever it leads."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
