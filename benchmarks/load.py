"""Sends tokens to a server at a fixed number in flight; prints one JSON line. Raw sockets, keep-alive."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/jwt\r\nContent-Length: %d\r\n\r\n"


async def _worker(port: int, tokens: list[bytes], statuses: dict[int, int], latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while tokens:
        token = tokens.pop()
        start = time.perf_counter()
        writer.write(HEAD % len(token) + token)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        status = int(head.split(b" ", 2)[1])
        statuses[status] = statuses.get(status, 0) + 1
        latencies.append(time.perf_counter() - start)
    writer.close()


async def main(port: int, file: str, flight: int) -> None:
    tokens = Path(file).read_bytes().split()
    statuses: dict[int, int] = {}
    latencies: list[float] = []
    start = time.perf_counter()
    await asyncio.gather(*(_worker(port, tokens, statuses, latencies) for _ in range(flight)))
    seconds = time.perf_counter() - start
    latencies.sort()
    print(
        json.dumps(
            {
                "statuses": statuses,
                "seconds": seconds,
                "p50": latencies[len(latencies) // 2],
                "p99": latencies[int(len(latencies) * 0.99)],
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
