"""The command line: serve, and everything an operator does around it."""

import gc
import os
import sys

import click

from integration_api import __version__, cli_speech
from integration_api.settings import SettingsError, load
from integration_api.terminal import OneLine, err, out, plain, progress, run, settings, table


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="integration-api")
def main() -> None:
    """One contact with every external AI provider: keys in a vault, REST and gRPC on one port.

    Settings are environment variables; see docs/configuration.md or run `doctor`.
    """


@main.command()
@click.option("--host", help="Address to listen on (HOST).")
@click.option("--port", type=int, help="Port to listen on (PORT).")
@click.option("--workers", type=int, help="Processes that share the port (WORKERS).")
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    """Start the service."""
    for name, value in (("HOST", host), ("PORT", port), ("WORKERS", workers)):
        if value is not None:
            os.environ[name] = str(value)
    gc.disable()  # Nothing that imports make is garbage; `serve` turns it on again.
    chosen = settings()
    from integration_api.core.errors import Failure
    from integration_api.serve import serve as start

    try:
        sys.exit(start(chosen, out))
    except (Failure, SettingsError, OSError) as error:
        raise OneLine(str(error)) from None


@main.command()
def migrate() -> None:
    """Bring the database's tables up to date. `serve` does it too."""

    async def work() -> None:
        from integration_api.app import open_store

        store = await open_store(settings())
        await store.close()

    run(work())
    out().print("[green]the database is up to date[/green]")


@main.command()
def providers() -> None:
    """List the providers and what each can do."""
    from integration_api.providers import PROVIDERS

    rows = table("provider", "title", "can", "credential fields")
    for provider in PROVIDERS.values():
        fields = (
            ", ".join(field.name + ("" if field.required else "?") for field in provider.fields) or "none"
        )
        rows.add_row(provider.name, provider.title, ", ".join(provider.capabilities), fields)
    out().print(rows)


@main.group()
def keys() -> None:
    """The project's own API keys."""


@keys.command("create")
@click.option("--name", required=True, help="What the key is for.")
@click.option("--scope", "scopes", multiple=True, default=("infer",), show_default=True,
              type=click.Choice(["infer", "credentials:read", "credentials:write", "audit:read", "admin"]))  # fmt: skip
def keys_create(name: str, scopes: tuple[str, ...]) -> None:
    """Make a key and show it, once."""
    from integration_api.admin import create_key

    record, key = run(create_key(settings(), name, scopes))
    err().print(f"key {record.id} with scope {', '.join(sorted(record.scopes))}; it is shown this once:")
    click.echo(key)


@keys.command("list")
def keys_list() -> None:
    """List keys, newest first; the keys themselves are not known."""
    from integration_api.admin import list_keys

    rows = table("id", "name", "key", "scopes", "state")
    for record in run(list_keys(settings())):
        state = "[red]revoked[/red]" if record.revoked_at else "[green]live[/green]"
        rows.add_row(
            str(record.id), plain(record.name), plain(record.hint), ", ".join(sorted(record.scopes)), state
        )
    out().print(rows)


@keys.command("revoke")
@click.argument("id", type=int)
def keys_revoke(id: int) -> None:
    """Make a key useless, everywhere within a second."""
    from integration_api.admin import revoke_key

    run(revoke_key(settings(), id))
    out().print(f"key {id} is revoked")


@main.group()
def credentials() -> None:
    """The project's provider credentials."""


@credentials.command("add")
@click.argument("provider")
@click.option("--name", default="default", show_default=True)
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE",
              help="A field that is not secret. Secret fields are asked for, or read from standard input.")  # fmt: skip
@click.option("--no-verify", is_flag=True, help="Store it without asking the provider.")
def credentials_add(provider: str, name: str, fields: tuple[str, ...], no_verify: bool) -> None:
    """Verify a credential with its PROVIDER and store it encrypted."""
    from integration_api.admin import add_credential, secret_fields

    plain = {}
    for field in fields:
        key, equals, value = field.partition("=")
        if not equals:
            raise OneLine(f"--field takes NAME=VALUE, not {field!r}")
        plain[key] = value
    asked: dict[str, bytearray] = {}
    for field in run(secret_fields(provider)):
        if sys.stdin.isatty():
            asked[field] = bytearray(click.prompt(field, hide_input=True).encode())
        else:
            asked[field] = bytearray(sys.stdin.buffer.readline().rstrip(b"\r\n"))
    record = run(add_credential(settings(), provider, name, plain, asked, verify=not no_verify))
    out().print(f"credential {record.id} for {record.provider} is stored ({record.status})")


@credentials.command("list")
def credentials_list() -> None:
    """List credentials, without their secrets."""
    from integration_api.admin import list_credentials

    rows = table("id", "provider", "name", "status", "fields", "version")
    for record in run(list_credentials(settings())):
        shown = ", ".join(f"{name}={value}" for name, value in {**record.fields, **record.masked}.items())
        name = record.name + (" (default)" if record.default else "")
        rows.add_row(
            str(record.id), record.provider, plain(name), record.status, plain(shown), str(record.version)
        )
    out().print(rows)


@credentials.command("verify")
@click.argument("id", type=int)
def credentials_verify(id: int) -> None:
    """Ask the provider whether a stored credential still holds."""
    from integration_api.admin import verify_credential

    record = run(verify_credential(settings(), id))
    out().print(f"[green]{record.provider} accepts credential {id}[/green]")


@credentials.command("delete")
@click.argument("id", type=int)
@click.confirmation_option(prompt="Delete this credential for good?")
def credentials_delete(id: int) -> None:
    """Delete a credential."""
    from integration_api.admin import delete_credential

    run(delete_credential(settings(), id))
    out().print(f"credential {id} is deleted")


@main.command("rotate-keys")
@click.option(
    "--root", is_flag=True, help="Also make a new root key and re-wrap every organization's key with it."
)
def rotate_keys(root: bool) -> None:
    """Give every organization a new key and re-wrap its credentials, while the service runs.

    Safe to stop at any point and to run again: it goes on where it was.
    """
    from rich.progress import TaskID

    from integration_api.admin import rotate

    with progress() as shown:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(f"re-wrapping {what}", total=total)
            shown.update(tasks[what], completed=done, total=total)

        resumed = run(rotate(settings(), root=root, tell=tell))
    if root:
        out().print(
            "every key is wrapped by the newest root key; older ones open nothing but older backups",
            soft_wrap=True,
        )
    if resumed:
        out().print(
            "[green]the rotation that was interrupted is finished[/green]; run again to begin another",
            soft_wrap=True,
        )
    else:
        out().print(
            "[green]every key is rotated; what was sealed before is re-wrapped[/green]", soft_wrap=True
        )


@main.command("import-vault")
@click.option("--from", "source", required=True, envvar="PLATFORM_VAULT_URL", metavar="URL",
              help="postgresql://user:password@host:port/web_db, or in PLATFORM_VAULT_URL.")  # fmt: skip
@click.option("--provider", "only", multiple=True, help="Take only this provider's; may be repeated.")
@click.option("--verify", is_flag=True, help="Ask each provider, and take only what it accepts.")
@click.option("--write-back", type=click.Choice(["redact"]),
              help="Empty rows of each --provider at their source once their copies were read back.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")
def import_vault(
    source: str, only: tuple[str, ...], verify: bool, write_back: str | None, dry_run: bool
) -> None:
    """Take over the platform's plaintext credentials: sealed, with their ids.

    Safe to stop at any point and to run again: what is here already is left as it is.
    """
    from integration_api.admin import import_vault as work
    from integration_api.services.vault_import import Wishes

    if write_back and not only:
        raise OneLine(
            "--write-back redact needs --provider, once for each whose keys no other service needs in clear:"
            " see docs/rapida.md"
        )
    wishes = Wishes(verify=verify, blank=write_back is not None, dry=dry_run, providers=frozenset(only))
    with progress() as shown:
        task = shown.add_task("importing", total=None)
        report = run(
            work(
                settings(),
                source,
                wishes,
                lambda done, total: shown.update(task, completed=done, total=total),
            )
        )
    if report.skipped or report.failed:
        rows = table("id", "provider", "why it was left")
        for one in (*report.skipped, *report.failed):
            rows.add_row(str(one.id), plain(one.provider), plain(one.reason))
        out().print(rows)
    said = (
        f"{report.imported} {'would be imported' if dry_run else 'imported'}, {report.present} here already,"
        f" {report.blanked} blanked at the source, {len(report.skipped)} skipped, {len(report.failed)} failed"
    )
    out().print(said, soft_wrap=True)
    if report.failed:
        sys.exit(1)


@main.command()
def doctor() -> None:
    """Check settings, key file, database, cache and egress, and say what to do.

    As a start does, it makes tables and a root key where there are none yet.
    """
    from integration_api.doctor import examine

    findings = run(examine(load))
    for finding in findings:
        mark = "[green]ok  [/green]" if finding.well else "[red]FAIL[/red]"
        out().print(f"{mark} [bold]{finding.subject}[/bold] {plain(finding.text)}", soft_wrap=True)
        if finding.advice:
            out().print(f"     → {plain(finding.advice)}", soft_wrap=True)
    if not all(finding.well for finding in findings):
        sys.exit(1)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9104, show_default=True)
@click.option("--tls-cert", help="Serve TLS with this certificate.")
@click.option("--tls-key", help="The certificate's key.")
def lab(host: str, port: int, tls_cert: str | None, tls_key: str | None) -> None:
    """Serve emulators of the providers on loopback, for trying the product and for tests."""
    from lab.__main__ import serve as serve_lab

    run(serve_lab(host, port, tls_cert, tls_key))


main.add_command(cli_speech.say)
main.add_command(cli_speech.transcribe)
