"""The forms that change a container by making it anew, and that make a second one like it."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QWidget

from desktop.ui.context import Context
from desktop.ui.models.format import counted
from desktop.ui.models.recreate import COMPOSE_LABELS, body_of, changed, differences, duplicate, request_of
from desktop.ui.pages.run import RunDialog, begin_run, create_and_start
from desktop.ui.recreate import Original, recreate
from desktop.ui.widgets.basics import label
from engine.client import EngineClient
from engine.client.models import Container
from vm.errors import UserError

RECREATING = "Recreating"


class EditDialog(RunDialog):
    """Shows what would be different, and what happens to the old container."""

    def __init__(self, parent: QWidget, context: Context, original: Original) -> None:
        super().__init__(parent, context, title=f"Edit “{original.name}”", verb="Recreate")
        self._original = original
        self._key = str(original.inspected["Id"])
        self._body = body_of(original.inspected, original.image)
        self.show_request(request_of(original.inspected, original.image))
        self._before = self.request()
        self.difference = label("", "", wrap=True)
        self.difference.setAccessibleName("What changes")
        self.risk = label(_risk(original), "muted", wrap=True)
        self.risk.setAccessibleName("What happens to the old container")
        for made in (self.difference, self.risk):
            self.outer.insertWidget(self.outer.count() - 1, made)
        self._changed()

    def _is_own(self, container: Container) -> bool:
        return container.id == self._key

    def _changed(self) -> None:
        super()._changed()
        if not hasattr(self, "_before"):  # the form is being filled
            return
        found = differences(self._before, self.request())
        unnamed = not self.name.text().strip()
        self.difference.setText("\n".join(found) if found else "Nothing is changed yet.")
        self.verb.setEnabled(self.verb.isEnabled() and bool(found) and not unnamed)

    def _run(self) -> None:
        request, context, key = self.request(), self.context, self._key
        body = changed(self._body, self._before, request)
        busy, containers = context.lists.busy, context.lists.containers
        busy.begin([key], RECREATING)

        def end() -> None:
            busy.end(key, RECREATING)
            containers.refresh()

        def done(made: tuple[Container, str]) -> None:
            end()
            new, kept = made
            remove = partial(_remove, context, key, kept)
            context.banners.show_message(
                "done",
                f"“{new.name}” was made anew",
                f"The old one is kept as “{kept}”.",
                action=("Remove it", remove),
            )

        def failed(error: UserError) -> None:
            end()
            context.banners.error(error)

        work = partial(recreate, context.engine, self._original, body, request.name)
        title = f"{RECREATING} {request.name}"
        context.session.activities.call(title, work, done, failed, engine=context.engine_words)


class DuplicateDialog(RunDialog):
    """All of a container but its name; its compose project does not get another member."""

    def __init__(self, parent: QWidget, context: Context, original: Original) -> None:
        super().__init__(parent, context, title=f"Duplicate “{original.name}”", verb="Run")
        self._body = duplicate(body_of(original.inspected, original.image))
        request = request_of(original.inspected, original.image)
        self.show_request(request)
        self._before = self.request()
        self.name.setText(f"{original.name}-copy")
        volumes = [text for text in self._body["HostConfig"]["Binds"] if text not in self.volumes.texts]
        shared = [*request.volumes, *volumes]
        if shared:
            words = f"Both write to {counted(len(shared), 'volume')} or folder: {', '.join(shared)}"
            self.outer.insertWidget(self.outer.count() - 1, label(words, "muted", wrap=True))

    def _run(self) -> None:
        request, context = self.request(), self.context
        body = changed(self._body, self._before, request)
        platform = request.platform or None

        async def work(engine: EngineClient) -> Container:
            return await create_and_start(engine, body, request.name, platform)

        begin_run(context, request, work, context.banners.error)


def _risk(original: Original) -> str:
    """What happens to the old container, and to what only it has."""
    labels = (original.inspected.get("Config") or {}).get("Labels") or {}
    words = [
        "The container is stopped, and another one takes its place."
        if original.runs
        else "Another container takes its place.",
        f"The old one is kept as “{original.name}-before”; it comes back when the new one does not start.",
    ]
    if original.files:
        words.append(
            f"{counted(original.files, 'file')} that it has changed and that are in no volume stay in it."
        )
    if project := labels.get(f"{COMPOSE_LABELS}project"):
        words.append(f"It belongs to the project “{project}”: “docker compose up” makes it again from its file.")
    return " ".join(words)


def _remove(context: Context, key: str, name: str) -> None:
    async def call(engine: EngineClient, key: str) -> None:
        await engine.containers.remove(key, force=True)

    context.each([(key, name)], call, "{} could not be removed", "Removing")
