"""The HTTP part of the floor: an aiohttp server that reads a body and answers with a receipt's size."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import web

ANSWER = b"r" * 780


async def main(port: int) -> None:
    async def echo(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=ANSWER, status=202, content_type="application/jwt")

    app = web.Application()
    app.router.add_post("/v1/messages", echo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
