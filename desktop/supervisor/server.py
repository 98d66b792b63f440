"""The control API's server: aiohttp on a Unix socket of mode 0600 in a folder of mode 0700.

One handler per request of desktop/control/client.py. Errors are JSON :class:`ErrorReport` objects with status 409
(the request cannot be done) or 400 (it cannot be understood). A client that goes away cancels its handler.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from desktop.control.schema import PROTOCOL, ErrorReport, Event, ResetLevel, Status, dump
from desktop.supervisor.app import Supervisor
from vm.errors import UserError

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serve(supervisor: Supervisor, path: Path) -> AsyncIterator[None]:
    """Answer on the Unix socket ``path`` while the context lasts. The instance lock guards the path."""
    runner = web.AppRunner(make_app(supervisor), handler_cancellation=True, access_log=None, shutdown_timeout=2)
    await runner.setup()
    path.unlink(missing_ok=True)  # noqa: ASYNC240  # left by a supervisor that was killed
    try:
        await web.UnixSite(runner, path).start()
        path.chmod(0o600)  # noqa: ASYNC240  # until here the folder's own mode has kept others out
        yield
    finally:
        await runner.cleanup()
        path.unlink(missing_ok=True)  # noqa: ASYNC240  # a socket's name: nothing to wait for


def make_app(supervisor: Supervisor) -> web.Application:
    """All routes."""
    calls = Calls(supervisor)
    app = web.Application(middlewares=[_explain])
    prefix = f"/v{PROTOCOL}"
    for method, path, handler in (
        ("GET", "/hello", calls.hello),
        ("GET", "/status", calls.status),
        ("GET", "/watch", calls.watch),
        ("GET", "/boots", calls.boots),
        ("POST", "/start", calls.start),
        ("POST", "/stop", calls.stop),
        ("POST", "/restart", calls.restart),
        ("POST", "/shutdown", calls.shutdown),
        ("GET", "/settings", calls.get_settings),
        ("GET", "/settings/report", calls.settings_report),
        ("PUT", "/settings", calls.put_settings),
        ("GET", "/disk", calls.disk),
        ("POST", "/disk/grow", calls.grow_disk),
        ("POST", "/disk/check", calls.check_disk),
        ("GET", "/images", calls.images),
        ("POST", "/images/build", calls.build_image),
        ("GET", "/ports", calls.ports),
        ("GET", "/folders", calls.folders),
        ("GET", "/ssh", calls.ssh),
        ("GET", "/logs", calls.logs),
        ("GET", "/diagnose", calls.diagnose),
        ("GET", "/bundle", calls.bundle),
        ("POST", "/menu", calls.menu),
        ("GET", "/context", calls.context),
        ("POST", "/context/use", calls.use_context),
        ("POST", "/context/restore", calls.restore_context),
        ("POST", "/helpers", calls.change_helpers),
        ("GET", "/reset/plan", calls.reset_plan),
        ("POST", "/reset", calls.reset),
    ):
        app.router.add_route(method, prefix + path, handler)
    return app


@web.middleware
async def _explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except UserError as error:
        return web.json_response(dump(ErrorReport.of(error)), status=409)
    except web.HTTPException as error:
        hint = "The two ends of the control API differ: restart Slipway with one version."
        report = ErrorReport("BadRequest", f"{request.method} {request.path}: {error.reason}", hint)
        return web.json_response(dump(report), status=error.status)
    except (KeyError, TypeError, ValueError) as error:
        report = ErrorReport("BadRequest", "The request cannot be understood", detail=repr(error))
        return web.json_response(dump(report), status=400)


class Calls:
    """The handlers."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._upkeep = supervisor.upkeep

    async def hello(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"protocol": PROTOCOL, "pid": os.getpid()})

    async def status(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._supervisor.status())

    async def watch(self, request: web.Request) -> web.StreamResponse:
        return await _stream(request, self._supervisor.watch(float(request.query["every"])))

    async def boots(self, request: web.Request) -> web.StreamResponse:
        return _json(self._supervisor.boots.list())

    async def start(self, request: web.Request) -> web.StreamResponse:
        return await _stream(request, self._supervisor.start())

    async def stop(self, request: web.Request) -> web.StreamResponse:
        return await _stream(request, self._supervisor.stop())

    async def restart(self, request: web.Request) -> web.StreamResponse:
        return await _stream(request, self._supervisor.restart())

    async def shutdown(self, request: web.Request) -> web.StreamResponse:
        try:
            return await _stream(request, self._supervisor.stop())
        finally:
            self._supervisor.ending.set()

    async def get_settings(self, request: web.Request) -> web.StreamResponse:
        return _json(self._supervisor.settings().to_json())

    async def settings_report(self, request: web.Request) -> web.StreamResponse:
        return _json(self._supervisor.preferences.report())

    async def put_settings(self, request: web.Request) -> web.StreamResponse:
        changes = dict((await _body(request))["changes"])
        if not all(isinstance(text, str) for text in changes.values()):
            raise ValueError("each change has to be a text")
        return _json(await self._supervisor.preferences.change(changes))

    async def disk(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._upkeep.disk())

    async def grow_disk(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._upkeep.grow_disk(int((await _body(request))["gib"])))

    async def check_disk(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._upkeep.check_disk(bool((await _body(request))["repair"])))

    async def images(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._upkeep.images())

    async def build_image(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        return await _stream(request, self._upkeep.build_image(body.get("arch"), bool(body.get("force"))))

    async def ports(self, request: web.Request) -> web.StreamResponse:
        return _json(self._supervisor.ports())

    async def folders(self, request: web.Request) -> web.StreamResponse:
        return _json(self._supervisor.folders.report())

    async def ssh(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._upkeep.ssh())

    async def logs(self, request: web.Request) -> web.StreamResponse:
        text, offset = await self._upkeep.guest_log(request.query["source"], int(request.query["offset"]))
        return _json({"text": text, "next": offset})

    async def diagnose(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._upkeep.diagnose())

    async def bundle(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._upkeep.bundle())

    async def menu(self, request: web.Request) -> web.StreamResponse:
        return _json(self._supervisor.preferences.set_menu(bool((await _body(request))["wanted"])))

    async def context(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._upkeep.context())

    async def use_context(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._upkeep.use_context())

    async def change_helpers(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._upkeep.change_helpers(bool((await _body(request))["repair"])))

    async def restore_context(self, request: web.Request) -> web.StreamResponse:
        return _json(await self._upkeep.restore_context())

    async def reset_plan(self, request: web.Request) -> web.StreamResponse:
        return _json(self._upkeep.reset.plan(ResetLevel(request.query["level"])))

    async def reset(self, request: web.Request) -> web.StreamResponse:
        level = ResetLevel((await _body(request))["level"])
        return await _stream(request, self._upkeep.reset.run(level))


def _json(value: Any) -> web.Response:
    return web.json_response(dump(value))


async def _body(request: web.Request) -> dict[str, Any]:
    values = await request.json()
    if not isinstance(values, dict):
        raise ValueError("the body has to be a JSON object")
    return values


async def _stream(request: web.Request, events: AsyncIterator[Event | Status]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    async with aclosing(events):  # type: ignore[type-var]  # every caller passes an async generator
        async for event in events:
            await response.write(json.dumps(dump(event)).encode() + b"\n")
    await response.write_eof()
    return response
