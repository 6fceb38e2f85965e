"""Which encodings there are, and in which direction."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from fednids.config import WireConfig, describe_settings
from fednids.errors import ConfigError
from fednids.messages.encodings import DOWN, ENCODINGS, find_encoding, sent_bytes


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_name_is_found(name: str) -> None:
    assert find_encoding(name, WireConfig()) == ENCODINGS[name](WireConfig())


def test_settings_reach_the_encoding() -> None:
    sizes = [sent_bytes(find_encoding("topk", WireConfig(keep=k)), 10_000) for k in (0.01, 0.1)]
    assert sizes[0] < 600 < 5000 < sizes[1]


def test_down_go_those_without_memory() -> None:
    assert tuple(n for n in ENCODINGS if not ENCODINGS[n](WireConfig()).feedback) == DOWN
    for name in DOWN:
        assert find_encoding(name, WireConfig(), down=True) == find_encoding(name, WireConfig())


@pytest.mark.parametrize(
    ("name", "down"), [("gzip", False), ("", False), ("two\nlines", False), ("topk", True)]
)
def test_others_are_refused_in_one_line(name: str, down: bool) -> None:
    with pytest.raises(ConfigError) as caught:
        find_encoding(name, WireConfig(), down=down)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert f"wire.{'down' if down else 'up'}" in message
    assert repr(name) in message
    assert "full, float16, int8" in message


def test_the_settings_name_them_all() -> None:
    meanings = {each.name: each.meaning for each in describe_settings()}
    assert all(name in meanings["wire.up"] for name in ENCODINGS)
    assert all(name in meanings["wire.down"] for name in DOWN)


def test_the_defaults_change_nothing() -> None:
    settings = WireConfig()
    assert not find_encoding(settings.up, settings).lossy
    assert not find_encoding(settings.down, settings, down=True).lossy


def test_it_needs_no_framework() -> None:
    code = "import json, sys, fednids.messages.encodings; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"mindspore", "flwr", "pandas", "scipy"} & set(json.loads(done.stdout))
