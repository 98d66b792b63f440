"""The cluster as the window sees it: its state by the control API, its objects by the Kubernetes API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar, cast

from PySide6.QtCore import QObject, Signal

from desktop.control.client import ControlClient
from desktop.control.schema import Event, KubernetesReport
from desktop.ui.activities import Order
from desktop.ui.bridge import Failed, Work
from desktop.ui.bulk import Call, Outcome, Subject, run_for_all, titled
from desktop.ui.models.activity import Kind
from desktop.ui.session import Session
from engine.kubernetes.client import Access, KubernetesClient, read_access
from engine.kubernetes.client.access import user_kubeconfigs
from engine.kubernetes.client.errors import ClusterUnreachable, Forbidden
from vm.errors import UserError

T = TypeVar("T")

RUNNING, OFF = "running", "off"


class Cluster(QObject):
    """One per window. Its signals are emitted in Qt's thread.

    :ivar report: how it is, when last asked; None while that is not known.
    :ivar doing: what is being done to it, in words; empty for nothing.    :ivar step: of that, in words.
    :ivar fraction: how far that is, 0…1.    :ivar may_cancel: whether it can be cancelled.
    :ivar failure: why the last switch failed.
    :ivar other: the context of another cluster that the pages show; empty for Slipway's own.
    """

    changed = Signal()
    came = Signal()
    """It can be asked for its objects now."""
    went = Signal()

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self.session = session
        self.report: KubernetesReport | None = None
        self.doing = self.step = ""
        self.fraction: float | None = None
        self.may_cancel = False
        self.failure: UserError | None = None
        self.other = ""
        self._leaving = False
        self._asking: Work | None = None
        self._work: Work | None = None
        self._clients = Clients()
        session.bridge.at_end(self._clients.close)

    @property
    def runs(self) -> bool:
        """Whether its objects can be asked for."""
        own = self.report is not None and self.report.state == RUNNING and not self.doing
        return not self._leaving and (bool(self.other) or own)

    @property
    def own(self) -> bool:
        """Whether the pages show Slipway's own."""
        return not self.other

    @property
    def where(self) -> str:
        """Words for a dialog that acts on another cluster; empty for Slipway's own."""
        return f"In the cluster of the context “{self.other}”" if self.other else ""

    def choose(self, context: str) -> None:
        """Have the pages show the cluster of another context of the user's; empty: Slipway's own."""
        if context == self.other:
            return
        if self.runs:
            self._change(lambda: setattr(self, "_leaving", True))

        def choose() -> None:
            self.other, self._leaving = context, False
            self._clients.context = context

        self._change(choose)

    # -- the switch -----------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Ask how it is, unless that is under way."""
        if self._asking is None or not self._asking.active:
            self._asking = self.session.control(
                lambda client: client.kubernetes(), self._take, self._not_told, owner=self, begin=False
            )

    def enable(self) -> None:
        """Turn it on; see :attr:`doing`."""
        self._switch(
            "Turning Kubernetes on",
            lambda client: client.enable_kubernetes(use=False, rebuild=False),
            may_cancel=True,
        )

    def disable(self) -> None:
        """Turn it off; its objects are kept."""
        self._switch("Turning Kubernetes off", lambda client: client.disable_kubernetes())

    def reset(self) -> None:
        """Delete all that is in it."""
        self._switch("Deleting the cluster", lambda client: client.reset_kubernetes())

    def restore(self, number: int, done: Callable[[str], object], failed: Failed) -> None:
        """Make it what it was when a backup was taken. :param done: called with what there is to say about it"""
        self._switch("Restoring the cluster", lambda client: client.restore_kubernetes(number), done, failed)

    def cancel(self) -> None:
        """Stop what is being done; what was built so far is kept."""
        if self._work is not None:
            self._work.cancel()
            self._done()

    def _switch(
        self,
        words: str,
        call: Callable[[ControlClient], AsyncIterator[Event]],
        done: Callable[[str], object] = lambda _: None,
        failed: Failed = lambda _: None,
        *,
        may_cancel: bool = False,
    ) -> None:
        if self.doing:
            return
        self.may_cancel = may_cancel
        self._change(lambda: self._begin(words))
        outcome: list[str] = []

        def each(events: list[Event]) -> None:
            outcome.extend(one.text for one in events if one.kind == "done")
            self._steps(events)

        def end(error: UserError | None = None) -> None:
            self.failure = error
            self._done()
            if error is None:
                done("".join(outcome))
            else:
                failed(error)

        self._work = self.session.control_work(call, end, each, end)

    def _begin(self, words: str) -> None:
        self.doing, self.step, self.fraction, self.failure = words, "", None, None

    def _steps(self, events: list[Event]) -> None:
        steps = [one for one in events if one.kind == "progress"]
        if steps:
            self.step, self.fraction = steps[-1].text, steps[-1].fraction
            self.changed.emit()

    def _done(self) -> None:
        self._work = None
        self._change(lambda: setattr(self, "doing", ""))
        self.look()

    def _take(self, report: KubernetesReport) -> None:
        def take() -> None:
            self.report = report
            if report.state == RUNNING:
                self.failure = None
            self._clients.kubeconfig = Path(report.own_file)

        if report != self.report:
            self._change(take)

    def _not_told(self, error: UserError) -> None:
        if self.report is not None:
            self._change(lambda: setattr(self, "report", None))

    def _change(self, change: Callable[[], object]) -> None:
        before = self.runs
        change()
        if before and not self.runs:
            self.session.bridge.call(self._clients.close())  # the next start has other certificates
            self.went.emit()
        self.changed.emit()
        if self.runs and not before:
            self.came.emit()

    # -- its objects ----------------------------------------------------------------------------------------------

    async def client(self) -> KubernetesClient:
        """A client; in the asyncio thread.

        :raise AccessError: the kubeconfig cannot be read.
        """
        return await self._clients.current()

    async def renew(self, client: KubernetesClient, error: UserError) -> None:
        """Drop a client that cannot reach the cluster."""
        await self._clients.renew(client, error)

    def clients(self) -> Clients:
        """Clients of the cluster of now, which stay with it when the pages show another one."""
        return self._clients.again()

    async def ask(self, call: Callable[[KubernetesClient], Coroutine[Any, Any, T]]) -> T:
        """One call; in the asyncio thread."""
        client = await self.client()
        try:
            return await call(client)
        except UserError as error:
            await self.renew(client, error)
            raise

    def call(
        self,
        call: Callable[[KubernetesClient], Coroutine[Any, Any, T]],
        done: Callable[[T], object] | None = None,
        failed: Failed | None = None,
        *,
        owner: QObject | None = None,
    ) -> Work:
        """One call, from Qt's thread."""
        return self.session.bridge.call(self.ask(call), done, failed, owner=owner or self)

    def each(self, subjects: Sequence[Subject], call: Call[KubernetesClient], failure: str, doing: str) -> None:
        """The same call on several objects, by their keys; failures are reported in one message.

        :param failure: what could not be done, with ``{}`` for the name or the number.
        :param doing: what the activity is called: ``Scaling``.
        """

        async def run() -> AsyncIterator[Outcome]:
            async with aclosing(cast(Any, run_for_all(await self.client(), subjects, call, failure))) as found:
                async for one in found:
                    yield one

        engine = f"Kubernetes · {self.other}" if self.other else "Kubernetes"
        self.session.activities.begin(Order(Kind.CHANGE, titled(doing, subjects), run, engine=engine))


class Clients:
    """The client for the kubeconfig or context of now. All but these two belongs to the asyncio thread."""

    def __init__(self, kubeconfig: Path | None = None, context: str = "") -> None:
        self.kubeconfig, self.context = kubeconfig or Path(), context
        self._client: KubernetesClient | None = None
        self._lock = asyncio.Lock()

    async def current(self) -> KubernetesClient:
        async with self._lock:
            if self._client is None:
                access = await asyncio.to_thread(self._access)
                self._client = await asyncio.to_thread(KubernetesClient, access)
            return self._client

    def _access(self) -> Access:
        return (
            read_access(*user_kubeconfigs(), context=self.context)
            if self.context
            else read_access(self.kubeconfig)
        )

    def again(self) -> Clients:
        """Others for the same cluster, which stay with it."""
        return Clients(self.kubeconfig, self.context)

    async def renew(self, client: KubernetesClient, error: UserError) -> None:
        """Drop a client that cannot reach the cluster: each start has other certificates."""
        if isinstance(error, ClusterUnreachable | Forbidden):
            await self.drop(client)

    async def drop(self, client: KubernetesClient) -> None:
        async with self._lock:
            if client is self._client:
                self._client = None
                await client.close()

    async def close(self) -> None:
        async with self._lock:
            client, self._client = self._client, None
            if client is not None:
                await client.close()
