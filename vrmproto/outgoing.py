"""The one guarded way out: fetches JSON from origins that strangers name, and keeps their keys.

Source: spec/protocol/identity.md "Keys of organisations" (VRM-ID-009 to VRM-ID-016).
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from vrmproto import keys, strictjson
from vrmproto.errors import ProtocolError
from vrmproto.keys import KeySet

__all__ = ["DISCOVERY", "KeyCache", "Outgoing", "OutgoingError", "is_loopback", "is_public"]

DISCOVERY = "/.well-known/vrm-configuration"
MAX_AGE = 3600
"""Seconds for which a discovery document may be used (VRM-ID-012)."""
PAUSE = 60
"""Seconds between two fetches of one origin (VRM-ID-013)."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to addresses as text; OSError where there is none."""


class OutgoingError(Exception):
    """A fetch that was refused or failed.

    ``kind`` is ``url`` or ``address`` (refused before any connection), ``dns``, ``connection``, ``timeout``,
    ``redirect``, ``status``, ``media`` or ``too-large``.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


# --- addresses ---------------------------------------------------------------------------------

# ``is_global`` of the standard library passes NAT64, 6to4, IPv4-compatible and multicast addresses, and its
# lists differ between releases of Python: the list that counts is this one.
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network, unspecified
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/96",  # unspecified, loopback, IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # local NAT64
        "100::/64",  # discard
        "2001::/23",  # protocol assignments: Teredo 2001::/32, benchmarking 2001:2::/48, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3ffe::/16",  # former 6bone
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local
        "fe80::/10",  # link-local
        "fec0::/10",  # former site-local
        "ff00::/8",  # multicast
    )
)
_UNICAST = ipaddress.IPv6Network("2000::/3")


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def is_public(text: str) -> bool:
    """Whether an address as text is one of the public internet; False for what is no address."""
    address = _address(text)
    if address is None or not address.is_global:
        return False
    if address.version == 6 and (address.scope_id is not None or address not in _UNICAST):
        return False
    return not any(address.version == n.version and address in n for n in _REFUSED)


def is_loopback(text: str) -> bool:
    """Whether an address as text is ``127.0.0.0/8`` or ``::1``."""
    address = _address(text)
    return address is not None and address.is_loopback and not getattr(address, "ipv4_mapped", None)


_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
)
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


async def _system_lookup(host: str, port: int) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [str(entry[4][0]) for entry in found]


class _Guard(AbstractResolver):
    """Resolves once and refuses the whole answer if any address in it is not allowed."""

    def __init__(self, allowed: Callable[[str], bool], lookup: Lookup) -> None:
        self._allowed = allowed
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            addresses = list(dict.fromkeys(await self._lookup(host, port)))
        except (OSError, UnicodeError) as error:
            raise OutgoingError("dns", f"{host} has no address ({error})") from None
        if not addresses:
            raise OutgoingError("dns", f"{host} has no address")
        if not all(map(self._allowed, addresses)):
            raise OutgoingError("address", f"{host} has an address that is not public")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


# --- the session -------------------------------------------------------------------------------


class Outgoing:
    """Fetches JSON over https from public addresses only (VRM-ID-016).

    Addresses are judged when the connection is made, so that a name that changes its answer gains nothing.
    No redirects, proxies, cookies or content codings; ``timeout`` seconds for everything together. ``dev``
    allows loopback, and http for ``127.0.0.1`` and ``localhost``. ``lookup`` replaces the system's resolver,
    ``tls`` its trust store. Use it as an async context manager, or call :meth:`close`.
    """

    def __init__(
        self,
        dev: bool = False,
        *,
        timeout: float = 5.0,
        lookup: Lookup = _system_lookup,
        tls: ssl.SSLContext | None = None,
        agent: str = "vrmproto",
    ) -> None:
        self.dev = dev
        self._timeout = timeout
        self._lookup = lookup
        self._tls = tls
        self._agent = agent
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Outgoing:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Release the session; the object can be used again."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def allowed(self, address: str) -> bool:
        """Whether a connection to this address may be made."""
        return is_public(address) or (self.dev and is_loopback(address))

    def check_url(self, url: str) -> None:
        """OutgoingError ``url`` or ``address`` unless it is a plain https URL of a name or public address.

        Names that resolvers read as numbers (``2130706433``, ``0x7f000001``, ``0177.0.0.1``, ``127.1``) are
        refused, whatever they would mean.
        """
        match = _URL.fullmatch(url)
        if match is None or int(match["port"] or 1) > 65535:
            raise OutgoingError("url", "not a plain https URL in lower case without user information")
        host = match["host"]
        if match["scheme"] == "http" and not (self.dev and host in ("127.0.0.1", "localhost")):
            raise OutgoingError("url", "http is for 127.0.0.1 and localhost in development mode")
        literal = host[1:-1] if host.startswith("[") else host
        if _address(literal) is not None:
            if not self.allowed(literal):
                raise OutgoingError("address", f"{host} is not a public address")
        elif not _NAME.fullmatch(host) or len(host) > 253 or _NUMBER.fullmatch(host.rpartition(".")[2]):
            raise OutgoingError("url", f"{host} is neither a name nor an address in its usual form")

    async def get_json(self, url: str, limit: int = 65536) -> bytes:
        """The bytes of a JSON document of at most ``limit`` bytes; OutgoingError for everything else."""
        self.check_url(url)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._fetch(url, limit)
        except TimeoutError:
            raise OutgoingError("timeout", f"no whole answer within {self._timeout:g} seconds") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise OutgoingError("connection", type(error).__name__) from None

    async def _fetch(self, url: str, limit: int) -> bytes:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with self._open().get(url, headers=headers, allow_redirects=False) as answer:
            if 300 <= answer.status < 400:
                raise OutgoingError("redirect", f"status {answer.status}; redirects are not followed")
            if answer.status != 200:
                raise OutgoingError("status", f"status {answer.status}")
            media = answer.content_type
            if media != "application/json" and not re.fullmatch(r"application/[a-z0-9.-]+\+json", media):
                raise OutgoingError("media", "the answer is not JSON by its media type")
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise OutgoingError("media", "the answer has a content coding")
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise OutgoingError("too-large", f"the answer has more than {limit} bytes")
            return bytes(body)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=_Guard(self.allowed, self._lookup),
                use_dns_cache=False,
                force_close=True,  # a kept connection would outlive the check of its address
                limit=32,
                limit_per_host=2,
                ssl=self._tls or True,
                socket_factory=self._socket,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                headers={"User-Agent": self._agent},
            )
            # no public switch: the client would ask a second time where an origin hangs up (VRM-ID-013)
            self._session._retry_connection = False
        return self._session

    def _socket(self, info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
        """The last gate, which addresses in URLs pass as well: no socket for an address not allowed."""
        family, kind, proto, _, target = info
        if not self.allowed(str(target[0])):
            raise OutgoingError("address", f"{target[0]} is not a public address")
        return socket.socket(family=family, type=kind, proto=proto)


# --- keys of organisations ---------------------------------------------------------------------


def _unavailable(origin: str, why: str) -> ProtocolError:
    detail = f"the discovery document of {origin} cannot be read at the moment: {why}"
    return ProtocolError("key-unavailable", detail, rule="VRM-ID-011")


def _merge(new: KeySet, old: KeySet | None) -> KeySet:
    """``new`` with every kid that was ever revoked."""
    if old is None or old.revoked <= new.revoked:
        return new
    return KeySet(new.origin, new.keys, new.revoked | old.revoked, new.seen_at, new.document)


def _network(client: str) -> str:
    """What a budget counts by: an IPv4 address, or the /64 that one IPv6 subscriber has."""
    address = _address(client)
    if address is None or address.version == 4:
        return client
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


@dataclass(slots=True)
class _Origin:
    """What is known of one origin; ``tried`` is when it was fetched last, with or without success.

    ``unsaved``: nothing that its keys signed has been seen yet.
    """

    keys: KeySet | None = None
    tried: float | None = None
    read: float | None = None
    why: str = ""
    unsaved: bool = False


class KeyCache:
    """The keys of organisations, fetched at their origins by VRM-ID-009 to VRM-ID-016.

    ``load`` and ``save`` keep a :class:`KeySet` durably (they may raise: that reaches the caller); ``clock``
    gives epoch seconds where no ``now`` is given. ``budget`` is the number of fetches of origins never seen
    before that one client address may cause in a minute. Not ``eager``: what is fetched of a new origin is
    not saved before :meth:`confirm`, since a token without a valid signature may have caused it.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        *,
        load: Callable[[str], KeySet | None],
        save: Callable[[KeySet], None],
        clock: Callable[[], float],
        budget: int = 30,
        capacity: int = 4096,
        reread: float = 0.5,
        eager: bool = True,
    ) -> None:
        self._outgoing = outgoing
        self._load = load
        self._save = save
        self._clock = clock
        self._budget = budget
        self._capacity = capacity
        self._reread = reread
        self._eager = eager
        self._origins: dict[str, _Origin] = {}
        self._flights: dict[str, asyncio.Task[KeySet]] = {}
        self._spent: dict[str, tuple[float, int]] = {}

    async def close(self) -> None:
        """Cancel what is being fetched; the session is its owner's to close."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def key_set(
        self, origin: str, kid: str | None, now: float | None = None, *, client: str = ""
    ) -> KeySet:
        """The keys of ``origin`` for judging ``kid`` (None: any); ``key-unavailable`` if there are none.

        What comes back may not hold ``kid``: :meth:`KeySet.find` says which refusal that is. It never holds
        keys of a document that was fetched more than an hour ago.
        """
        now = self._clock() if now is None else now
        ready = self._ready(origin, kid, now, client)
        if ready is not None:
            return ready
        return await asyncio.shield(self._flights.get(origin) or self._take_off(origin, now))

    def confirm(self, origin: str, verify: Callable[[], bool]) -> None:
        """Save what was fetched of a new origin, once a signature by its keys verifies."""
        entry = self._origins.get(origin)
        if entry is not None and entry.keys is not None and entry.unsaved and verify():
            self._save(entry.keys)
            entry.unsaved = False

    def _ready(self, origin: str, kid: str | None, now: float, client: str) -> KeySet | None:
        """The answer that needs no fetch; None if one is under way, or due and allowed."""
        entry = self._entry(origin, now)
        held = entry.keys
        fresh = held is not None and -PAUSE <= now - held.seen_at < MAX_AGE
        if held is not None and fresh and (kid is None or kid in held.keys or kid in held.revoked):
            return held
        if held is not None and kid in held.revoked:  # no document is needed to refuse this one
            return KeySet(origin, MappingProxyType({}), held.revoked, held.seen_at)
        if origin in self._flights:
            return None
        if entry.tried is not None and 0 <= now - entry.tried <= PAUSE:
            if held is not None and fresh and not entry.why:
                return held
            raise _unavailable(origin, entry.why or "it was tried less than a minute ago")
        if held is None:
            self._spend(origin, now, client)
        return None

    def _entry(self, origin: str, now: float) -> _Origin:
        """The entry of an origin, read again from the store twice a second: others write there too."""
        entry = self._origins.get(origin) or _Origin()
        if entry.read is None or not 0 <= now - entry.read < self._reread:
            stored = self._load(origin)
            entry.read = now
            if stored is not None:
                newer = entry.keys is None or stored.seen_at > entry.keys.seen_at
                entry.keys = _merge(stored, entry.keys) if newer else _merge(entry.keys or stored, stored)
                entry.tried = max(entry.tried or 0, entry.keys.seen_at)
        if origin in self._origins or entry.keys is not None:
            self._keep(origin, entry, now)
        return entry

    def _keep(self, origin: str, entry: _Origin, now: float) -> None:
        """Remember an entry, the most recently used last, in bounded memory."""
        self._origins.pop(origin, None)
        if len(self._origins) >= self._capacity:
            idle = [n for n, e in self._origins.items() if e.tried is None or not 0 <= now - e.tried <= PAUSE]
            for name in idle[: max(1, self._capacity // 8)]:
                del self._origins[name]
            if not idle and entry.keys is None:
                raise _unavailable(origin, "too many origins are being asked for")
        self._origins[origin] = entry

    def _spend(self, origin: str, now: float, client: str) -> None:
        network = _network(client)
        start, spent = self._spent.get(network, (now, 0))
        if not 0 <= now - start < PAUSE:
            start, spent = now, 0
        if spent >= self._budget:
            raise _unavailable(origin, "too many unknown origins were named from this address")
        if network not in self._spent and len(self._spent) >= self._capacity:
            self._spent = {n: s for n, s in self._spent.items() if 0 <= now - s[0] < PAUSE}
            if len(self._spent) >= self._capacity:
                raise _unavailable(origin, "too many unknown origins are being named")
        self._spent[network] = (start, spent + 1)

    def _take_off(self, origin: str, now: float) -> asyncio.Task[KeySet]:
        entry = self._origins.get(origin) or _Origin(read=now)
        entry.tried, entry.why = now, ""
        self._keep(origin, entry, now)
        flight = asyncio.create_task(self._fly(origin, entry, now))
        self._flights[origin] = flight
        flight.add_done_callback(lambda done: self._land(origin, done))
        return flight

    def _land(self, origin: str, flight: asyncio.Task[KeySet]) -> None:
        self._flights.pop(origin, None)
        if not flight.cancelled():
            flight.exception()  # every caller may have gone

    async def _fly(self, origin: str, entry: _Origin, now: float) -> KeySet:
        try:
            raw = await self._outgoing.get_json(origin + DISCOVERY)
            document, broken = strictjson.read(raw)
            fetched = keys.key_set(origin, None if broken else document, int(now), raw)
        except OutgoingError as error:
            entry.why = error.detail
            raise _unavailable(origin, error.detail) from None
        except ProtocolError as error:
            entry.why = error.detail
            raise
        stored = self._load(origin)
        fetched = _merge(_merge(fetched, entry.keys), stored)
        entry.unsaved = stored is None and not self._eager
        if not entry.unsaved:
            self._save(fetched)
        entry.keys = fetched
        return fetched
