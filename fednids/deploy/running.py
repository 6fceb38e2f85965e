"""One run of a deployment: submitted and followed to its end."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fednids.config import Config
from fednids.deploy.app import write_app, write_settings
from fednids.deploy.control import Control, RunState
from fednids.deploy.folder import Deployment
from fednids.deploy.reach import is_up
from fednids.errors import ConfigError, InterruptedRunError, RunError, SetupError
from fednids.runs.checkpoint import read_checkpoint
from fednids.runs.folder import prepare_folder
from fednids.runs.layout import RESULT, ROUNDS
from fednids.runs.lines import read_lines
from fednids.runs.reader import load
from fednids.runs.records import ResultRecord, RoundRecord

_PAUSE = 0.5
_LOOK_SECONDS = 3.0
_MISSES = 10
_ERROR = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception): (.+)$")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

OnRound = Callable[[RoundRecord], None]
"""Called with each round of ``rounds.jsonl``."""


@dataclass(frozen=True)
class RunEnd:
    """How a run ended.

    Attributes
    ----------
    run_id : str
        Flower's number of it.
    result : ResultRecord or None
        ``result.json``; None where it failed.
    reason : str
        Why it failed, in one line; empty where it did not.
    """

    run_id: str
    result: ResultRecord | None
    reason: str = ""


def deployed_config(
    deployment: Deployment, settings: Mapping[str, object], file: Path | None
) -> Config:
    """Settle the settings of a run of all gateways of a deployment.

    Raises
    ------
    ConfigError
        A setting is wrong, or one that a deployment settles itself.
    """
    given = {"deploy.gateways": ",".join(deployment.gateways), **settings}
    config = Config.resolve(given, file=file)
    if config.deploy.names != deployment.gateways:
        raise ConfigError(
            f"expected deploy.gateways as in {deployment.path}, got {config.deploy.gateways!r}; "
            "leave it out, or change them with `fednids deploy init`"
        )
    if config.data.path:
        raise ConfigError(
            f"expected flows on the gateways, got data.path={config.data.path}; give each file to "
            "`fednids deploy gateway --data`"
        )
    return config


def run_deployed(
    deployment: Deployment,
    config: Config,
    out: Path,
    on_round: OnRound,
    *,
    force: bool = False,
    resume: bool = False,
) -> RunEnd:
    """Start a run and follow it to its end.

    Parameters
    ----------
    deployment : Deployment
        Its server must be running on this machine.
    config : Config
        From `deployed_config`, or of the run that goes on.
    out : Path
        The run folder, on this machine.
    on_round : callable
        Called with each round.
    force : bool
        Overwrite a run that is there.
    resume : bool
        Go on with the run in `out` from its last checkpoint.

    Raises
    ------
    SetupError
        The server is not running, or does not take the run.
    RunError
        Something is at `out` already, or nothing to go on with.
    InterruptedRunError
        Ctrl-C; the run has been stopped.
    """
    out = out.resolve()
    if not is_up(deployment.server, deployment.ca, beside=True):
        raise SetupError(
            f"expected the server at {deployment.server.beside}, got no answer; start it on this "
            f"machine with `fednids deploy server {deployment.path}`"
        )
    known = len(read_checkpoint(out).rounds) if resume else 0
    if not resume:
        prepare_folder(out, force=force)
    control = Control(deployment)
    run_id = _submit(deployment, control, config, out, resume=resume)
    try:
        state = _follow(control, run_id, _Rounds(out / ROUNDS, known, on_round))
    except KeyboardInterrupt:
        with suppress(SetupError):
            control.stop(run_id)
        raise InterruptedRunError(
            f"stopped run {run_id}; what is whole is in {out}, and `fednids deploy run "
            f"{deployment.path} --resume {out}` goes on from there"
        ) from None
    return _end(control, state, out)


def _submit(
    deployment: Deployment, control: Control, config: Config, out: Path, *, resume: bool
) -> str:
    folder = deployment.state / "app"
    deploy = config.deploy.model_copy(update={"resume": resume})
    settings = config.model_copy(update={"deploy": deploy})
    return control.submit(
        write_app(folder / "fednids"), write_settings(folder / "settings.toml", settings, out)
    )


class _Rounds:
    """Reports rounds as they are written."""

    def __init__(self, path: Path, known: int, on_round: OnRound):
        self._path, self._seen, self._on_round = path, known, on_round

    def look(self) -> None:
        with suppress(OSError, ValueError):
            for line in read_lines(self._path):
                found = RoundRecord.model_validate(line)
                if found.round > self._seen:
                    self._seen = found.round
                    self._on_round(found)


def _follow(control: Control, run_id: str, rounds: _Rounds) -> RunState:
    """Wait for the end of a run; ask a server again that does not answer for a moment."""
    looked, misses = 0.0, 0
    while True:
        rounds.look()
        if time.monotonic() - looked > _LOOK_SECONDS:
            try:
                state, misses = control.state(run_id), 0
            except SetupError:
                misses += 1
                if misses >= _MISSES:
                    raise
            else:
                if state.ended:
                    rounds.look()
                    return state
            looked = time.monotonic()
        time.sleep(_PAUSE)


def _end(control: Control, state: RunState, out: Path) -> RunEnd:
    """Return a run as completed only if Flower reports so and its result is complete."""
    if state.status == "finished:completed":
        try:
            return RunEnd(state.run_id, load(out).result)
        except RunError:
            return RunEnd(state.run_id, None, f"the run ended without a whole {out / RESULT}")
    said = find_error(control.log(state.run_id)) or state.details or state.status
    return RunEnd(state.run_id, None, " ".join(said.split()))


def find_error(log: str) -> str:
    """Find the message of the last error in a run's log; empty where there is none."""
    found = ""
    for line in _COLOURS.sub("", log).splitlines():
        match = _ERROR.match(line.strip())
        found = match.group(1) if match else found
    return found


def stopped_config(out: Path) -> Config:
    """Read the settings of a deployed run that is to go on.

    Raises
    ------
    RunError
        There is no such run, it has ended, or it was none of a deployment.
    """
    config = read_checkpoint(out).config
    if not config.deploy.names:
        raise RunError(
            f"expected a run of a deployment, got a simulated one in {out}; go on with "
            f"`fednids resume {out}`"
        )
    if (out / RESULT).exists():
        raise RunError(f"expected a run that was stopped, got {out}, which has ended; start anew")
    return config
