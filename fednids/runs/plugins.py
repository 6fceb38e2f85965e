"""Which plug-ins a run is made with: compared by file name and digest, never loaded from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json

from fednids.config import read_settings
from fednids.config.folder import FILES
from fednids.errors import ConfigError, FederationError, RunError
from fednids.extensions import (
    ALGORITHMS,
    DATASETS,
    NETWORKS,
    PARTITIONERS,
    Registry,
    loaded_plugins,
)
from fednids.runs.layout import CONFIG, RESULT
from fednids.runs.records import PluginRecord

_REGISTRIES: tuple[Registry[Any], ...] = (ALGORITHMS, NETWORKS, DATASETS, PARTITIONERS)
_NO_MEMBERS = ((DATASETS, "auto"), (PARTITIONERS, FILES))
"""What a setting may say beside names: recognise the data set; the flows come dealt."""

_RECORDS = TypeAdapter(list[PluginRecord])


def current_plugins() -> list[PluginRecord]:
    """Return the plug-ins of this process, as a run records them."""
    return [PluginRecord(file=each.path.name, sha256=each.sha256) for each in loaded_plugins()]


def used_plugins(settings: Mapping[str, object]) -> list[PluginRecord]:
    """Return the plug-ins of this process that registered what a run's settings name."""
    used = {registry.plugin(name) for registry, name in _named(settings)}
    return [
        PluginRecord(file=each.path.name, sha256=each.sha256)
        for each in loaded_plugins()
        if each in used
    ]


def write_used_plugins(settings: Mapping[str, object]) -> str:
    """Return what `used_plugins` finds as the JSON text that travels beside the settings."""
    return _RECORDS.dump_json(used_plugins(settings)).decode()


def check_same_plugins(run_config: Mapping[str, object]) -> None:
    """Check that a deployed run uses the same plug-ins here as where it was started.

    Parameters
    ----------
    run_config : Mapping[str, object]
        Flower's: ``plugins`` as `write_used_plugins` returns it, and ``settings``, both JSON.
        Nothing is checked, and no file is loaded, where it names no plug-ins.

    Raises
    ------
    FederationError
        A plug-in of the run is not loaded here, or the run would use another one here.
    """
    if not run_config.get("plugins"):
        return
    try:
        theirs = _RECORDS.validate_json(str(run_config["plugins"]))
        settings = dict(from_json(str(run_config.get("settings") or "{}")))
    except (ValueError, TypeError):
        raise FederationError(
            "expected plug-ins and settings of the run as JSON, got something else; start it with "
            "`fednids deploy run`"
        ) from None
    ours = used_plugins(settings)
    digests = {each.sha256 for each in loaded_plugins()}
    missing = [each for each in theirs if each.sha256 not in digests]
    more = [each for each in ours if each.sha256 not in {known.sha256 for known in theirs}]
    if missing or more:
        raise FederationError(
            f"expected the plug-ins that the run was started with, {_listed(missing or theirs)}, "
            f"got {_listed(more)}; start with `--plugin FILE` of the same content at server and "
            "gateways"
        )


def check_members(
    settings: Mapping[str, object], recorded: Sequence[PluginRecord], place: Path
) -> None:
    """Check that all that a run's settings name is known here.

    Parameters
    ----------
    settings : Mapping[str, object]
        By ``section.key``, unchecked.
    recorded : Sequence[PluginRecord]
        Plug-ins that the run was made with, as far as it says.
    place : Path
        The run folder, for the message.

    Raises
    ------
    RunError
        Something is not; it asks for ``--plugin``.
    """
    for registry, name in _named(settings):
        if name not in registry.builtin and name not in registry.names():
            ask = f"--plugin with {_listed(recorded)}" if recorded else "the --plugin that has it"
            raise RunError(
                f"expected the {registry.kind} {name!r} of {place} to be known here, got none of "
                f"this name; give {ask}"
            )


def check_digests(
    settings: Mapping[str, object], recorded: Sequence[PluginRecord], place: Path
) -> None:
    """Check that the plug-ins that a run needs are those that it was made with.

    Raises
    ------
    RunError
        A file has changed since, or something that the run names comes from another one.
    """
    digests, files = {each.sha256 for each in recorded}, {each.file for each in recorded}
    used = {registry.plugin(name) for registry, name in _named(settings)}
    for each in loaded_plugins():
        if each.sha256 not in digests and (each in used or each.path.name in files):
            raise RunError(
                f"expected the plug-ins that {place} was made with, {_listed(recorded)}, got "
                f"{each.path.name} with sha256 {each.sha256}; give those files, or start a new run"
            )


def check_folder_plugins(place: Path) -> None:
    """Check the plug-ins of a run folder that is read; nothing where it has no settings.

    Raises
    ------
    RunError
        As from `check_members`, and, of a finished run, from `check_digests`.
    """
    try:
        settings = read_settings(place / CONFIG)
    except ConfigError:
        return
    try:
        found = from_json((place / RESULT).read_bytes()).get("plugins") or []
        recorded = [PluginRecord.model_validate(each) for each in found]
    except (OSError, ValueError, AttributeError, TypeError):
        check_members(settings, (), place)
        return
    check_members(settings, recorded, place)
    check_digests(settings, recorded, place)


def _named(settings: Mapping[str, object]) -> Iterator[tuple[Registry[Any], str]]:
    for registry in _REGISTRIES:
        name = str(settings.get(registry.setting) or "")
        if name and (registry, name) not in _NO_MEMBERS:
            yield registry, name


def _listed(recorded: Sequence[PluginRecord]) -> str:
    return ", ".join(f"{each.file} (sha256 {each.sha256})" for each in recorded) or "none"
