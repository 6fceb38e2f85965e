"""What `fednids deploy init` writes, and what it refuses."""

from __future__ import annotations

import ssl
import tomllib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from fednids.cli.main import run
from fednids.config import Config
from fednids.deploy.app import describe_app, write_settings
from fednids.deploy.authority import create_authority, days_left, issue_server
from fednids.deploy.creating import create_deployment, default_bind
from fednids.deploy.environment import flower_environment
from fednids.deploy.folder import Deployment, Server, open_deployment, open_gateway
from fednids.deploy.guide import server_unit
from fednids.deploy.keys import check_key, fingerprint
from fednids.deploy.private import check_private
from fednids.errors import FednidsError, RunError, SetupError

SERVER = Server("fl.example.org", 9443, "0.0.0.0")


@pytest.fixture
def made(tmp_path: Path) -> Deployment:
    return create_deployment(tmp_path / "fed", SERVER, ["b", "a"]).deployment


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def names_of(certificate: bytes) -> set[str]:
    found = x509.load_pem_x509_certificate(certificate)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_every_secret_is_its_owners_alone_and_every_folder_too(made: Deployment) -> None:
    secrets = [made.ca_key, made.key, *(made.gateway(name).key for name in "ab")]
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    folders = [made.path, *(path for path in made.path.rglob("*") if path.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    private = {path for path, text in contents(made.path).items() if b"PRIVATE KEY" in text}
    assert private == {str(path.relative_to(made.path)) for path in secrets}


def test_a_gateways_folder_holds_its_own_key_and_nobody_elses(made: Deployment) -> None:
    own = contents(made.gateway("a").path)
    assert set(own) == {
        "ca.crt", "gateway.key", "gateway.pub", "gateway.toml", "fednids-gateway.service",
    }  # fmt: skip
    others = {made.ca_key, made.key, made.gateway("b").key}
    assert not {path.read_bytes() for path in others} & set(own.values())
    key = load_ssh_private_key(own["gateway.key"], None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp384r1"
    check_key(made.gateway("a").key)
    assert fingerprint(made.gateway("a").public_key) != fingerprint(made.gateway("b").public_key)


@pytest.mark.parametrize("host", ["fl.example.org", "192.0.2.7", "2001:db8::7", "localhost"])
def test_the_certificate_names_the_host_and_the_machine_itself(host: str, tmp_path: Path) -> None:
    server = Server(host, 9443, default_bind(host))
    made = create_deployment(tmp_path / "fed", server, ["a"]).deployment
    names = names_of(made.certificate.read_bytes())
    assert names == {host, "localhost", "127.0.0.1", "::1"}
    assert 364 < days_left(made.certificate.read_bytes()) <= 365
    ssl.create_default_context(cafile=str(made.ca)).load_cert_chain(made.certificate, made.key)


def test_again_adds_gateways_and_changes_no_key(made: Deployment) -> None:
    before = contents(made.path)
    again = create_deployment(made.path, SERVER, ["a", "c"])
    assert again.new == ("c",)
    assert not again.renewed
    after = contents(made.path)
    keys = {name for name in before if name.endswith((".key", ".pub", ".crt"))}
    assert {name: after[name] for name in keys} == {name: before[name] for name in keys}
    assert open_deployment(made.path).gateways == ("a", "c")


def test_renew_keeps_the_servers_key_and_changes_its_certificate(made: Deployment) -> None:
    key, certificate = made.key.read_bytes(), made.certificate.read_bytes()
    moved = Server("fl2.example.org", 9443, "0.0.0.0")
    with pytest.raises(SetupError, match="--renew"):
        create_deployment(made.path, moved, ["a"])
    assert create_deployment(made.path, moved, ["a"], renew=True).renewed
    assert made.key.read_bytes() == key
    assert made.certificate.read_bytes() != certificate
    assert "fl2.example.org" in names_of(made.certificate.read_bytes())


def test_a_gateways_key_may_have_left_for_its_host(made: Deployment) -> None:
    site = made.gateway("a")
    site.key.unlink()
    assert create_deployment(made.path, SERVER, ["a", "b"]).new == ()
    assert not site.key.exists()


def test_a_gateways_folder_works_alone_and_for_its_own_name_only(
    made: Deployment, tmp_path: Path
) -> None:
    alone = tmp_path / "copied"
    made.gateway("a").path.rename(alone)
    assert open_gateway(alone, "a").server == SERVER
    with pytest.raises(SetupError, match="'a'"):
        open_gateway(alone, "b")
    assert open_gateway(made.path, "b").key == made.gateway("b").key
    with pytest.raises(SetupError, match="it has a, b"):
        open_gateway(made.path, "z")


@pytest.mark.parametrize(
    "text", ["", "form = 9\n", "form = 1\n", "[", "form = 1\ngateways = 3\n[server]\n"]
)
def test_a_damaged_folder_is_one_line(text: str, made: Deployment) -> None:
    (made.path / "deploy.toml").write_text(text)
    with pytest.raises(RunError, match="deploy init") as caught:
        open_deployment(made.path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [{"port": "x"}, {"host": "http://a"}, {"insecure": True}])
def test_a_changed_folder_cannot_turn_encryption_off(
    change: dict[str, object], made: Deployment
) -> None:
    import tomli_w

    path = made.path / "deploy.toml"
    content = tomllib.loads(path.read_text())
    content["server"] |= change
    path.write_text(tomli_w.dumps(content))
    with pytest.raises(FednidsError):
        open_deployment(made.path)


def test_a_key_that_others_can_read_is_refused(made: Deployment) -> None:
    made.key.chmod(0o640)
    with pytest.raises(SetupError, match="640"):
        check_private(made.key)
    made.key.unlink()
    with pytest.raises(SetupError, match="copy it"):
        check_private(made.key)


def test_services_start_again_and_quote_paths(tmp_path: Path) -> None:
    made = create_deployment(tmp_path / "my $fed 5%", SERVER, ["a"]).deployment
    unit = (made.path / "server" / "fednids-server.service").read_text()
    assert unit == server_unit(made)
    for line in ("Restart=always", "RestartSec=15", "StartLimitIntervalSec=0", "UMask=0077"):
        assert line in unit.splitlines()
    assert '"' + str(tmp_path) + '/my $$fed 5%%"' in unit
    gateway = (made.gateway("a").path / "fednids-gateway.service").read_text()
    assert "deploy gateway /etc/fednids/a a --data" in gateway


def test_the_page_names_every_step_and_gateway(made: Deployment) -> None:
    page = (made.path / "README.md").read_text()
    for words in ("deploy server", "deploy status", "deploy run", "port 9443", "HOST-OF-b"):
        assert words in page


def test_an_authority_signs_no_other_authority() -> None:
    authority = create_authority("x")
    found = x509.load_pem_x509_certificate(authority.certificate)
    basic = found.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (basic.ca, basic.path_length) == (True, 0)
    issued = x509.load_pem_x509_certificate(issue_server(authority, ["h"]).certificate)
    issued.verify_directly_issued_by(found)
    with pytest.raises(ValueError, match=r".*"):
        issued.verify_directly_issued_by(x509.load_pem_x509_certificate(_other()))


def _other() -> bytes:
    return create_authority("y").certificate


def test_flowers_programs_get_no_settings_of_the_callers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLWR_ALLOW_ANYTHING", "1")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    found = flower_environment(tmp_path, "fl.example.org")
    assert "FLWR_ALLOW_ANYTHING" not in found
    assert found["FORWARDED_ALLOW_IPS"] == "127.0.0.1"
    assert found["FLWR_TELEMETRY_ENABLED"] == "0"
    assert found["FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION"] == "1"
    assert found["FLWR_HOME"] == str(tmp_path)
    assert "fl.example.org" in found["NO_PROXY"].split(",")


def test_the_app_takes_every_setting_and_brings_no_package(tmp_path: Path) -> None:
    app = describe_app()
    assert app["project"]["dependencies"] == []
    file = tmp_path / "settings.toml"
    config = Config.resolve({"strategy.name": "fedprox", "strategy.mu": 0.3, "run.seed": 7})
    write_settings(file, config, tmp_path / "run")
    written = tomllib.loads(file.read_text())
    assert set(written) == set(app["tool"]["flwr"]["app"]["config"])
    assert Config.of_run(written) == config
    assert written["out"] == str(tmp_path / "run")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--server", "http://h", "--gateways", "a"], "leave out scheme"),
        (["--server", "h:9", "--gateways", "a"], "leave out scheme"),
        (["--server", "h", "--gateways", "a,a"], "no name twice"),
        (["--server", "h", "--gateways", ""], "''"),
        (["--server", "h", "--gateways", "A"], "'A'"),
        (["--server", "h", "--gateways", "../a"], "'../a'"),
        (["--server", "h", "--gateways", "a", "--port", "0"], "65535"),
        (["--server", "h", "--gateways", "a", "--bind", "h"], "IP address"),
        (["--server", "h", "--gateways", "a", "--insecure"], "loopback"),
        (["--server", "192.0.2.1", "--gateways", "a", "--insecure"], "loopback"),
        (
            ["--server", "127.0.0.1", "--gateways", "a", "--insecure", "--bind", "0.0.0.0"],
            "loopback",
        ),
    ],
)
def test_a_mistake_is_one_line_exit_code_2_and_no_file(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["deploy", "init", str(tmp_path / "fed"), *arguments]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.strip().splitlines()
    assert words in line
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


def test_plain_http_needs_to_be_typed_and_has_no_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "fed"
    arguments = ["--server", "127.0.0.1", "--gateways", "a"]
    assert run(["deploy", "init", str(folder), *arguments, "--insecure"]) == 0
    assert "INSECURE" in capsys.readouterr().out
    assert not [name for name in contents(folder) if name.endswith(".key")]
    assert open_deployment(folder).server.insecure


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["server", "no"], "deploy.toml"),
        (["status", "no"], "deploy.toml"),
        (["run", "no", "--out", "x"], "deploy.toml"),
        (["run", "no"], "--out FOLDER"),
        (["run", "no", "--out", "x", "--resume", "y"], "--resume"),
        (["run", "{fed}", "--resume", "no"], "no"),
        (["run", "{fed}", "--out", "x", "train.batchsize=3"], "train.batch_size"),
        (["run", "{fed}", "--out", "x", "data.path=flows.csv"], "deploy gateway --data"),
        (["run", "{fed}", "--out", "x", "deploy.gateways=z"], "deploy.gateways"),
        (["run", "{fed}", "--out", "x"], "deploy server"),
        (["gateway", "no", "a", "--data", "x"], "gateway.toml"),
        (["gateway", "{fed}", "z", "--data", "x"], "it has a"),
        (["gateway", "{fed}", "a", "--data", "x"], "flow file"),
    ],
)
def test_other_commands_say_what_is_wrong_in_one_line(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from fednids.deploy.reach import free_port

    monkeypatch.chdir(tmp_path)
    server = Server("127.0.0.1", free_port(), "127.0.0.1")
    create_deployment(tmp_path / "fed", server, ["a"])
    assert run(["deploy", *(word.format(fed=tmp_path / "fed") for word in arguments)]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.strip().splitlines()
    assert words in line
    assert not (tmp_path / "x").exists()
