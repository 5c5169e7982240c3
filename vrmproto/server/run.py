"""Runs a home as a process: store, keys, HTTP, logs, a stop within ten seconds."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import structlog
from aiohttp import web

from vrmproto.errors import SpecError
from vrmproto.server.app import create_app, open_home
from vrmproto.server.pages import Build
from vrmproto.server.settings import Settings, SettingsError
from vrmproto.spec import load
from vrmproto.storage.base import StoreError
from vrmproto.storage.sqlite import SqliteStore

__all__ = ["configure_logs", "serve"]

SHUTDOWN_SECONDS = 5.0


def configure_logs() -> None:
    """One JSON line an event on standard error; no tokens, no bodies, no identifiers."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.processors.add_log_level, structlog.processors.TimeStamper("iso")],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    # the library logs the client's address and first bytes of malformed requests
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)


async def _serve(settings: Settings, pages: Build | None) -> None:
    log = logging.getLogger("vrmproto.server")
    config = settings.config()
    spec = load(Path(settings.spec) if settings.spec else None)
    unknown = [a for a in config.accepts if not any(a == i for i, _ in spec.roster.agreements)]
    if unknown:
        raise SettingsError(f"accepts: the roster {spec.roster.id} has no {', '.join(unknown)}")
    data = Path(settings.data)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = SqliteStore(data / "home.db")
    try:
        home = open_home(spec, store, data, config)
        runner = web.AppRunner(
            create_app(home, pages=pages if settings.docs else None),
            access_log=None,
            shutdown_timeout=SHUTDOWN_SECONDS,
            handle_signals=False,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, settings.host, settings.port, backlog=1024).start()
            gc.collect()
            gc.freeze()  # what was loaded stays: no collection needs to walk it again
            log.info("home %s listens on %s port %d", config.origin, settings.host, settings.port)
            await _until_stopped()
            log.info("home stops")
        finally:
            await runner.cleanup()
    finally:
        store.close()


async def _until_stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt there
            loop.add_signal_handler(name, stop.set)
    await stop.wait()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows has no uvloop
        return None
    return uvloop.new_event_loop


def serve(settings: Settings, pages: Build | None = None) -> int:
    """Serve until SIGINT or SIGTERM, with the site that ``pages`` makes; the exit code."""
    configure_logs()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings, pages))
    except (SettingsError, SpecError, StoreError, OSError) as error:
        print(f"vrmproto serve: {error}", file=sys.stderr)
        return 2
    return 0
