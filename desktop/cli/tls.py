"""The command ``tls``: the engine for clients on other computers, by certificates."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from desktop.cli.output import as_json, counted, labelled, table
from desktop.cli.session import print_note, run
from desktop.control.client import ControlClient
from desktop.control.schema import CLIENT_DAYS, TLS_PORT, TlsClientReport, TlsReport
from desktop.control.tls_files import REACHABLE, context_command, is_loopback, require_new, save_files


@click.group()
def tls() -> None:
    """Let docker on other computers use the engine, by TLS and with certificates. It is off by default."""


@tls.command("enable")
@click.option("--address", default="127.0.0.1", show_default=True, help="IP address to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), default=TLS_PORT, show_default=True, help="TCP port.")
@click.option(
    "--host", "hosts", multiple=True, metavar="NAME", help="A name by which clients reach it; may be repeated."
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def tls_enable(address: str, port: int, hosts: tuple[str, ...], yes: bool) -> None:
    """Listen for clients that have a certificate, now and whenever Slipway runs."""
    if not is_loopback(address):
        click.echo(f"Warning: {REACHABLE.format(address=address)}", err=True)
        confirm(yes)

    async def work(client: ControlClient) -> tuple[str, TlsReport]:
        note = await client.enable_tls(address, port, hosts)
        return note.text, await client.tls()

    text, found = run(work)
    click.echo(text)
    if not any(one.state == "valid" for one in found.clients):
        click.echo("Give a client access: slipway tls client add NAME")


@tls.command("disable")
@click.option("--forget", is_flag=True, help="Delete the certificates, too. No client can be let in again.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def tls_disable(forget: bool, yes: bool) -> None:
    """Stop listening. The certificates stay, for the next “enable”."""
    if forget and not yes:
        click.echo(
            "This deletes the certificate authority. No client that has a certificate of it is let in again."
        )
        confirm(yes)
    print_note(run(lambda client: client.disable_tls(forget)))


@tls.command("status")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def tls_status(json_: bool) -> None:
    """Show whether the engine answers by TLS, and where."""
    found = run(lambda client: client.tls())
    if json_:
        as_json(found)
        return
    state = (
        "on"
        if found.listening
        else "off"
        if not found.enabled
        else f"on, but not listening: {found.failure or 'starting'}"
    )
    lines = [("TLS", state if found.enabled else "off  Turn it on: slipway tls enable")]
    if found.enabled:
        lines.append(("Address", f"{found.url} (listens at {found.address}, port {found.port})"))
        lines.append(("Reach", "this computer only" if found.loopback else "other computers"))
        if found.names:
            lines.append(("Names", ", ".join(found.names)))
        if found.authority_expires is not None:
            lines.append(("Authority", f"{found.authority} until {_day(found.authority_expires)}"))
    valid = sum(one.state == "valid" for one in found.clients)
    connections = sum(one.connections for one in found.clients)
    lines.append(("Clients", f"{valid} with a valid certificate, {counted(connections, 'connection')}"))
    labelled(lines)


@tls.group("client")
def client_() -> None:
    """Add, list and revoke the clients that are let in."""


@client_.command("add")
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the three files. Default: slipway-tls-NAME, in the current folder.",
)
@click.option(
    "--days", type=click.IntRange(1, 3650), default=CLIENT_DAYS, show_default=True, help="Validity in days."
)
@click.option("--renew", is_flag=True, help="Make another certificate for a client that has one.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def client_add(name: str, out: Path | None, days: int, renew: bool, json_: bool) -> None:
    """Make a certificate for a client, and write what it needs to a folder: ca.pem, cert.pem and key.pem.

    Copy the folder to the client. Whoever has key.pem is let in, so keep it secret. Slipway keeps no copy of it.
    """
    folder = (out or Path(f"slipway-tls-{name}")).absolute()
    require_new(folder)
    bundle = run(lambda client: client.add_tls_client(name, days, renew))
    save_files(folder, bundle)
    command = context_command(name, folder, bundle.url)
    if json_:
        as_json({"name": name, "folder": str(folder), "url": bundle.url, "command": command})
        return
    click.echo(f"The files for “{name}” are in {folder}. Copy them to the client, and there run:")
    click.echo(f"  {command}")


@client_.command("list")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def client_list(json_: bool) -> None:
    """List the certificates that were made for clients."""
    found = run(lambda client: client.tls()).clients
    if json_:
        as_json(found)
        return
    rows = [
        (one.name, _state(one), _day(one.expires), one.fingerprint[:16], str(one.connections)) for one in found
    ]
    table(("NAME", "STATE", "EXPIRES", "FINGERPRINT", "CONNECTIONS"), rows)


@client_.command("revoke")
@click.argument("name")
def client_revoke(name: str) -> None:
    """Let a client in no more. Its open connections end at once."""
    print_note(run(lambda client: client.revoke_tls_client(name)))


def confirm(yes: bool) -> None:
    """Ask whether to go on.

    :raise click.UsageError: there is no terminal to ask at.    :raise click.Abort: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Not a terminal: pass --yes to confirm.")
    click.confirm("Continue?", abort=True)


def _state(one: TlsClientReport) -> str:
    return f"revoked {_day(one.revoked)}" if one.revoked is not None else one.state


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
