"""The commands ``kubernetes`` and ``kubectl``."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import click

from desktop.cli.output import as_json, follow, labelled, size, table
from desktop.cli.session import run
from desktop.cli.tls import confirm
from desktop.control.schema import KubernetesBackupReport, KubernetesReport

KUBECTL = "/usr/lib/slipway/kubernetes/bin/kubectl"
ADMIN = "/run/slipway/kubernetes/pki/admin.conf"
LOST = """\
This restores the backup {0} of {1}:
  All objects of the cluster become what they were then; changes since then are lost.
  The data in volumes stays as it is now. All pods are restarted."""
EXIT_CODES = {"running": 0}
"""Exit codes of ``kubernetes status``; those of all other states are 3."""


@click.group()
def kubernetes() -> None:
    """Run Kubernetes: one node, in the same machine. It is off by default.

    Pods run the images that docker has built, without a registry. Services of the types NodePort and LoadBalancer
    answer on localhost.
    """


@kubernetes.command("enable")
@click.option("--use", is_flag=True, help="Make “slipway” kubectl's current context, even if there is one.")
@click.option("--rebuild", is_flag=True, help="Build the Kubernetes image again.")
def enable(use: bool, rebuild: bool) -> None:
    """Turn Kubernetes on and wait until pods can run.

    The first time its image is built, unless Slipway came with it: that takes a quarter of an hour or more. No
    container is stopped. Your kubeconfig gets the context “slipway”, and all else in it stays as it is.
    """
    click.echo(run(lambda client: follow(client.enable_kubernetes(use, rebuild))))


@kubernetes.command("disable")
def disable() -> None:
    """Turn Kubernetes off. The cluster's state is kept; containers of docker go on."""
    click.echo(run(lambda client: follow(client.disable_kubernetes())))


@kubernetes.command("reset")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def reset(yes: bool) -> None:
    """Delete the cluster with everything in it, its volumes too. Images stay."""
    if not yes:
        click.echo("This deletes the cluster: all its objects, and the data in its volumes.")
    confirm(yes)
    click.echo(run(lambda client: follow(client.reset_kubernetes())))


@kubernetes.command("restore")
@click.argument("backup", type=int, required=False)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--json", "json_", is_flag=True, help="Print the list as JSON.")
def restore(backup: int | None, yes: bool, json_: bool) -> None:
    """Make the cluster what it was when BACKUP was taken; without BACKUP, list the backups.

    One is taken every hour while the cluster runs. What the cluster is now becomes a backup first.
    """
    found = run(lambda client: client.kubernetes_backups())
    if backup is None:
        show_backups(found, json_)
        return
    wanted = next((one for one in found if one.number == backup), None)
    if wanted is None:
        raise click.UsageError(f"There is no backup {backup}. List them: slipway kubernetes restore")
    if not yes:
        click.echo(LOST.format(backup, moment(wanted.taken)))
    confirm(yes)
    click.echo(run(lambda client: follow(client.restore_kubernetes(backup))))


def show_backups(found: list[KubernetesBackupReport], json_: bool) -> None:
    """Print the backups, the newest first."""
    if json_:
        as_json(found)
    elif not found:
        click.echo("There are no backups yet. One is taken every hour while the cluster runs.")
    else:
        rows = [(str(one.number), moment(one.taken), one.version, size(one.size)) for one in found]
        table(("BACKUP", "TAKEN", "KUBERNETES", "SIZE"), rows)


def moment(seconds: float) -> str:
    """A time by this computer's clock and time zone."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


@kubernetes.command("status")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@click.pass_context
def status(ctx: click.Context, json_: bool) -> None:
    """Show whether Kubernetes is on, and how it is."""
    found = run(lambda client: client.kubernetes())
    if json_:
        as_json(found)
    else:
        show(found)
    ctx.exit(EXIT_CODES.get(found.state, 3))


def show(found: KubernetesReport) -> None:
    """Print a report."""
    state = f"{found.state}: {found.text}" if found.text else found.state
    lines = [("Kubernetes", state if found.enabled else "off  Turn it on: slipway kubernetes enable")]
    if found.hint:
        lines.append(("Hint", found.hint))
    if found.version:
        lines.append(("Version", found.version))
    if found.server:
        lines.append(("API", found.server))
    if found.kubeconfig:
        current = " (current)" if found.current else ""
        lines.append(("Context", f"slipway{current}, in {found.kubeconfig}"))
    if found.own_file:
        lines.append(("Kubeconfig", found.own_file))
    labelled(lines)
    if found.parts:
        rows = [(part.name, part.state, str(part.restarts), part.error) for part in found.parts]
        table(("PART", "STATE", "RESTARTS", "ERROR"), rows)
    if found.ports:
        ports = [
            (port.namespace, port.service, f"localhost:{port.port}/{port.protocol}", port.error)
            for port in found.ports
        ]
        table(("NAMESPACE", "SERVICE", "ADDRESS", "ERROR"), ports)


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def kubectl(ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """Run kubectl in the machine, on Slipway's cluster. Its files are those of your shared folders."""
    from desktop.control.shell import open_shell  # which loads an implementation of SSH

    inside = f'cd {shlex.quote(Path.cwd().as_posix())} 2>/dev/null; exec {KUBECTL} --kubeconfig={ADMIN} "$@"'
    ctx.exit(
        open_shell(run(lambda client: client.ssh(), spawn=False), ("sh", "-c", inside, "kubectl", *arguments))
    )
