"""The settings: what is accepted, what is refused with which reason, and what a file may and may not hold."""

from __future__ import annotations

import json
import shlex
import stat
from pathlib import Path

import pytest

from desktop.settings.schema import MIN_MEMORY_MIB, Settings, SettingsError, from_json, with_value, with_values
from desktop.settings.shares import as_words
from desktop.settings.store import SettingsStore


@pytest.fixture
def store(tmp_path: Path) -> SettingsStore:
    return SettingsStore(tmp_path / "deep" / "settings.json")


def write(store: SettingsStore, text: str | bytes) -> None:
    store.path.parent.mkdir(parents=True, exist_ok=True)
    store.path.write_bytes(text.encode() if isinstance(text, str) else text)


def test_defaults_need_no_file(store: SettingsStore) -> None:
    assert store.load() == Settings()


def test_what_is_saved_is_read_again(store: SettingsStore) -> None:
    settings = Settings(cpus=3, daemon={"debug": True, "labels": ["ü=1"]})
    store.save(settings)
    assert store.load() == settings
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    kept = json.loads(store.path.read_text("utf-8"))
    assert kept == {"schema": 1, "cpus": 3, "daemon": {"debug": True, "labels": ["ü=1"]}}  # no defaults


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"settings"',
        b"\xff\xfe",
        b'{"schema": "1"}',
        b'{"schema": 0}',
        b'{"schema": 1, "cpus": null}',
        b'{"schema": 1, "cpus": true}',
        b'{"schema": 1, "cpus": 2.5}',
        b'{"schema": 1, "unknown": 1}',
        b'{"schema": 1, "daemon": []}',
        b'{"schema": 1, "mirror": "no address"}',
        b'{"schema": 1, "context": "sometimes"}',
    ],
)
def test_nonsense_is_refused_and_never_overwritten(store: SettingsStore, text: bytes) -> None:
    write(store, text)
    with pytest.raises(SettingsError) as caught:
        store.load()
    assert caught.value.message
    with pytest.raises(SettingsError):
        store.save(Settings(cpus=1))
    assert store.path.read_bytes() == text


def test_a_newer_file_is_refused(store: SettingsStore) -> None:
    write(store, '{"schema": 2, "cpus": 1}')
    with pytest.raises(SettingsError, match="newer"):
        store.load()


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError):
        SettingsStore(tmp_path / "file" / "settings.json").save(Settings())


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("cpus", -1, "Choose 0 to 256"),
        ("cpus", "2", "processors"),
        ("memory_mib", MIN_MEMORY_MIB - 1, "or more"),
        ("disk_gib", 0, "Choose 1 to"),
        ("wait_seconds", 0, "seconds"),
        ("accelerator", "warp", "auto, kvm"),
        ("daemon", {"data-root": "/x"}, "Leave it out"),
    ],
)
def test_each_refusal_says_what_would_do(name: str, value: object, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        from_json({name: value})
    assert name in caught.value.message
    assert reason in caught.value.hint


def test_a_misspelt_name_is_guessed() -> None:
    with pytest.raises(SettingsError) as caught:
        from_json({"memory": 4096})
    assert "memory_mib" in caught.value.hint


@pytest.mark.parametrize(
    ("path", "text", "name", "value"),
    [
        ("cpus", "2", "cpus", 2),
        ("cpus", "null", "cpus", 0),
        ("accelerator", "tcg", "accelerator", "tcg"),
        ("mirror", "http://mirror.example/debian", "mirror", "http://mirror.example/debian"),
        ("daemon", '{"debug": true}', "daemon", {"debug": True}),
        ("daemon.debug", "false", "daemon", {"bip": "10.9.0.1/24", "debug": False}),
        ("daemon.bip", "null", "daemon", {}),
    ],
)
def test_setting_one_value(path: str, text: str, name: str, value: object) -> None:
    before = Settings(cpus=1, accelerator="kvm", daemon={"bip": "10.9.0.1/24"})
    after = with_value(before, path, text)
    assert getattr(after, name) == value
    assert before.daemon == {"bip": "10.9.0.1/24"}


@pytest.mark.parametrize(("path", "text"), [("cpus.x", "1"), ("nothing", "1"), ("cpus", "many"), ("daemon", "x")])
def test_setting_what_cannot_be_set(path: str, text: str) -> None:
    with pytest.raises(SettingsError):
        with_value(Settings(), path, text)


@pytest.mark.parametrize(
    ("cpus", "memory", "wanted"),
    [(1, 2048, (1, 1024)), (2, 8192, (2, 2048)), (4, 16384, (2, 4096)), (16, 65536, (4, 8192))],
)
def test_defaults_follow_the_computer(cpus: int, memory: int, wanted: tuple[int, int]) -> None:
    resolved = Settings().resolved(cpus, memory)
    assert (resolved.cpus, resolved.memory_mib) == wanted


def test_more_than_the_computer_has() -> None:
    with pytest.raises(SettingsError, match="this computer has 4"):
        Settings(cpus=5).resolved(4, 8192)
    with pytest.raises(SettingsError, match="this computer has 8192"):
        Settings(memory_mib=9000).resolved(4, 8192)


@pytest.mark.parametrize(
    ("daemon", "why", "hint"),
    [
        ({"registry-mirror": []}, "no setting of dockerd's", "registry-mirrors"),
        ({"zzz": 1}, "no setting of dockerd's", "would not start"),
        ({"debug": 1}, "has to be true or false", ""),
        ({"mtu": True}, "a whole number", ""),
        ({"dns": "1.1.1.1"}, "a list of texts", ""),
        ({"default-address-pools": ["10.0.0.0/8"]}, "a list of objects", ""),
        ({"log-driver": None}, "a text, not null", ""),
        ({"log-opts": {"max-file": 3}}, "not a text", "max-size"),
        ({"registry-mirrors": ["mirror.example"]}, "no address", "https://"),
        ({"insecure-registries": ["http://a:5000"]}, "no registry", "without http://"),
        ({"default-runtime": "nope"}, "none of “runtimes”", "runc"),
        ({"storage-driver": "nope"}, "cannot be “nope”", "overlay2"),
        ({"bip": "x"}, "no address of its kind", "10.9.0.1/24"),
        ({"dns": ["1.1.1.1", "dns.example"]}, "“dns.example”", ""),
        ({"fixed-cidr": "10.9.0.1/24"}, "no address of its kind", ""),  # it has bits of a host
        ({"proxies": {"http-proxy": "proxy:3128"}}, "does not say http://", ""),
        ({"proxies": {"ftp-proxy": "x"}}, "“ftp-proxy”", "no-proxy"),
        ({"proxies": {"https-proxy": "http://p:0"}}, "port 0", ""),
    ],
)
def test_what_dockerd_would_not_start_with(daemon: dict[str, object], why: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(daemon=daemon)
    assert why in caught.value.message
    assert hint in caught.value.hint


def test_what_dockerd_takes() -> None:
    Settings(
        daemon={
            "debug": True,
            "mtu": 1400,
            "dns": ["1.1.1.1"],
            "default-address-pools": [{"base": "10.0.0.0/8", "size": 24}],
            "log-opts": {"max-size": "10m"},
            "registry-mirrors": ["https://mirror.example:5000/path"],
            "insecure-registries": ["localhost:5000", "10.0.0.0/8", "[::1]:5000", "registry"],
            "proxies": {"http-proxy": "http://me:pw@proxy:3128", "no-proxy": "localhost,.corp"},
        }
    )


def test_several_at_once() -> None:
    after = with_values(Settings(cpus=2), {"cpus": "1", "daemon.debug": "true", "daemon.mtu": "1400"})
    assert (after.cpus, after.daemon) == (1, {"debug": True, "mtu": 1400})
    both = {"daemon.default-runtime": '"other"', "daemon.runtimes": '{"other": {"path": "/bin/other"}}'}
    assert with_values(Settings(), both).daemon["default-runtime"] == "other"


class TestSharedFolders:
    def test_the_home_folder_is_shared_unless_it_is_switched_off(self) -> None:
        home = str(Path.home().resolve())
        assert Settings().shares() == (home,)
        assert Settings(share_home=False).shares() == ()
        assert Settings(shared_folders=("/data", f"{home}/inside")).shares() == (home, "/data")
        assert Settings(share_home=False, shared_folders=(f"{home}/inside",)).shares() == (f"{home}/inside",)

    def test_links_are_followed_before_anything_is_shared(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
        (tmp_path / "system").symlink_to("/etc")
        settings = Settings(share_home=False, shared_folders=(f"{tmp_path}/link", f"{tmp_path}/system"))
        assert settings.shares() == (f"{tmp_path}/real",)

    def test_a_home_that_is_the_systems_is_not_shared(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Path, "home", lambda: Path("/"))
        assert Settings().shares() == ()

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("/data", ["/data"]),
            ("/data/:/srv//x/../y", ["/data", "/srv/y"]),
            ('["/with:colon", "/ü b"]', ["/with:colon", "/ü b"]),
            ("[]", []),
            ("", []),
            ("null", []),
        ],
    )
    def test_from_words(self, store: SettingsStore, text: str, wanted: list[str]) -> None:
        after = with_value(Settings(shared_folders=("/old",)), "shared_folders", text)
        assert after.to_json()["shared_folders"] == wanted
        store.save(after)
        assert store.load() == after

    @pytest.mark.parametrize(
        ("value", "why"),
        [
            (["project"], "“project” is not an absolute path"),
            (["~/project"], "not an absolute path"),
            (["/"], "would share the system's /bin"),
            (["/usr"], "would share the system's /usr/bin"),
            (["/etc"], "is a folder of the system's"),
            (["/etc/ssl/"], "is in the system's folder /etc"),
            (["/var"], "would share the system's /var"),
            (["/run"], "would share the system's /run"),
            (["/tmp"], "is a folder of the system's"),
            (["/data", "/data/"], "in the list twice"),
            (["/data/x", "/data"], "“/data/x” is inside “/data”"),
            (["/data", "/data/x"], "“/data/x” is inside “/data”"),
            ([1], "has to be a list of paths"),
            (7, "has to be a list of paths"),
            ({"/data": True}, "has to be a list of paths"),
        ],
    )
    def test_what_cannot_be_shared(self, value: object, why: str) -> None:
        with pytest.raises(SettingsError) as caught:
            from_json({"shared_folders": value})
        assert "shared_folders" in caught.value.message
        assert why in caught.value.message
        assert caught.value.hint

    @pytest.mark.parametrize(
        "path", ["/tmp/x", "/var/folders/a", "/home", "/database", "/usr/local/src", "/run/media/me"]
    )
    def test_what_can(self, path: str) -> None:
        assert from_json({"shared_folders": [path]}).shared_folders == (path,)

    @pytest.mark.parametrize("paths", [("/a",), ("/a", "/ü b"), ("/with:colon", "/b")])
    def test_the_words_for_a_shell_mean_the_same(self, paths: tuple[str, ...]) -> None:
        (word,) = shlex.split(as_words(paths))
        assert with_value(Settings(), "shared_folders", word).shared_folders == paths
