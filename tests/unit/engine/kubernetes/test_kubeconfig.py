"""The user's kubeconfig: which file, whole or not at all, and back as it was."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from engine.kubernetes.kubeconfig import Kubeconfig, files, read_entry, standalone
from engine.kubernetes.kubeconfig_text import KubeconfigError, current_context, has_entry
from tests.unit.engine.kubernetes.test_kubeconfig_text import ENTRY, KUBECTL, RENEWED


@pytest.fixture
def ours(tmp_path: Path) -> Kubeconfig:
    return Kubeconfig(tmp_path / "record.json")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / ".kube" / "config"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def test_which_files_kubectl_reads(tmp_path: Path) -> None:
    assert files("", tmp_path) == [tmp_path / ".kube" / "config"]
    assert files(os.pathsep.join(["/a", "", "/b"]), tmp_path) == [Path("/a"), Path("/b")]


def test_a_new_file_goes_again(ours: Kubeconfig, config: Path) -> None:
    merged = ours.merge([config], ENTRY)
    assert (merged.path, merged.current) == (config, True)
    assert config.read_text() == standalone(ENTRY)
    assert config.stat().st_mode & 0o777 == 0o600
    assert ours.restore() == config
    assert not config.exists()
    assert ours.restore() is None


def test_a_file_comes_back_byte_for_byte(ours: Kubeconfig, config: Path) -> None:
    write(config, KUBECTL)
    assert not ours.merge([config], ENTRY).current
    assert ours.merge([config], RENEWED).path == config  # the next start, with other certificates
    assert config.read_text().count("name: slipway") == 3
    assert ENTRY.server not in config.read_text()
    ours.restore()
    assert config.read_bytes() == KUBECTL.encode()
    assert [path.name for path in config.parent.iterdir()] == ["config"]


def test_the_first_file_that_exists_is_written(ours: Kubeconfig, tmp_path: Path) -> None:
    absent, first, second = tmp_path / "absent", write(tmp_path / "first", KUBECTL), tmp_path / "second"
    write(second, "kind: Config\n")
    assert ours.merge([absent, first, second], ENTRY, use=True).path == first
    assert current_context(first.read_text()) == "slipway"
    assert second.read_text() == "kind: Config\n"
    assert not absent.exists()
    ours.restore()
    assert ours.merge([absent, tmp_path / "last"], ENTRY).path == tmp_path / "last"


def test_a_current_context_in_any_file_counts(ours: Kubeconfig, tmp_path: Path) -> None:
    first, second = write(tmp_path / "first", "kind: Config\n"), write(tmp_path / "second", KUBECTL)
    assert not ours.merge([first, second], ENTRY).current
    assert has_entry(first.read_text())
    assert current_context(first.read_text()) == ""


def test_a_link_stays_a_link(ours: Kubeconfig, config: Path, tmp_path: Path) -> None:
    real = write(tmp_path / "dotfiles" / "kube", KUBECTL)
    config.parent.mkdir()
    config.symlink_to(real)
    assert ours.merge([config], ENTRY).path == real
    assert config.is_symlink()
    assert has_entry(config.read_text())


def test_an_entry_of_our_name_that_is_not_ours(ours: Kubeconfig, config: Path) -> None:
    text = KUBECTL.replace("name: work", "name: slipway")
    write(config, text)
    with pytest.raises(KubeconfigError, match="already a context"):
        ours.merge([config], ENTRY)
    assert config.read_text() == text
    assert ours.restore() is None


def test_json_is_refused_and_not_touched(ours: Kubeconfig, config: Path) -> None:
    write(config, '{"kind": "Config"}')
    with pytest.raises(KubeconfigError, match="style"):
        ours.merge([config], ENTRY)
    assert config.read_text() == '{"kind": "Config"}'


def test_another_program_writes_it(ours: Kubeconfig, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.kubernetes.kubeconfig.LOCK_SECONDS", 0.1)
    write(config, KUBECTL)
    lock = write(config.with_name("config.lock"), "")
    with pytest.raises(KubeconfigError, match="Another program"):
        ours.merge([config], ENTRY)
    assert config.read_text() == KUBECTL
    os.utime(lock, (0, 0))  # it has died long ago
    ours.merge([config], ENTRY)
    assert not lock.exists()


def test_a_removed_file_is_not_missed(ours: Kubeconfig, config: Path) -> None:
    ours.merge([config], ENTRY)
    config.unlink()
    assert ours.restore() == config
    assert not config.exists()


def test_the_clusters_own_kubeconfig_is_read(tmp_path: Path) -> None:
    def pem(text: str) -> str:
        return base64.b64encode(f"-----BEGIN {text}-----".encode()).decode()

    text = (
        f"    certificate-authority-data: {pem('A')}\n    server: https://127.0.0.1:6443\n"
        f"    client-certificate-data: {pem('B')}\n    client-key-data: {pem('C')}\n"
    )
    entry = read_entry(text, 6500)
    assert (entry.server, entry.authority, entry.key) == ("https://127.0.0.1:6500", pem("A"), pem("C"))
    with pytest.raises(KubeconfigError, match="damaged"):
        read_entry(text.replace(pem("C"), "QQ=="), 6500)
