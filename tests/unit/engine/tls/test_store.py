"""The files: what is kept, what is refused, and what is left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.tls import ClientState, Place, TlsStore
from engine.tls.store import Record
from vm.errors import EngineError, HostError
from vm.host import host

DAY = 86400.0


class Clock:
    """:ivar now: seconds since 1970"""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> TlsStore:
    made = TlsStore(tmp_path / "tls", host().make_private, lambda: clock.now)
    made.enable(Place("127.0.0.1", 12376, ("build.example",)))
    return made


def states(store: TlsStore, clock: Clock) -> list[tuple[str, ClientState]]:
    return [(one.name, one.state(clock.now)) for one in store.read().clients]


def test_nothing_is_there_before_it_is_enabled(tmp_path: Path) -> None:
    store = TlsStore(tmp_path / "tls", host().make_private)
    assert store.read() == Record()
    for call in (lambda: store.add_client("laptop"), store.identity):
        with pytest.raises(EngineError, match="TLS is off"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_only_this_user_can_open_what_is_kept(store: TlsStore, tmp_path: Path) -> None:
    store.add_client("laptop")
    store.identity()
    folder = tmp_path / "tls"
    assert sorted(path.name for path in folder.iterdir()) == ["ca-key.pem", "ca.pem", "tls.json"]
    assert all(host().is_private(path) for path in (folder, *folder.iterdir()))


def test_what_was_written_is_read(store: TlsStore, tmp_path: Path, clock: Clock) -> None:
    store.add_client("laptop")
    store.add_client("ci", days=3)
    store.revoke("ci")
    again = TlsStore(tmp_path / "tls", host().make_private, lambda: clock.now)
    assert again.read() == store.read()
    assert again.read().place == Place("127.0.0.1", 12376, ("build.example",))
    assert states(again, clock) == [("laptop", ClientState.VALID), ("ci", ClientState.REVOKED)]


def test_what_a_newer_version_has_added_is_passed_over(store: TlsStore, tmp_path: Path) -> None:
    store.add_client("laptop")
    before, file = store.read(), tmp_path / "tls" / "tls.json"
    value = json.loads(file.read_text())
    value["later"] = value["clients"][0]["later"] = value["place"]["later"] = [1]
    file.write_text(json.dumps(value))
    assert store.read() == before


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"enabled": true, "place": {}, "clients": []}', "[" * 10**5]
)
def test_a_file_that_is_nonsense_is_an_error_with_a_way_out(store: TlsStore, tmp_path: Path, text: str) -> None:
    (tmp_path / "tls" / "tls.json").write_text(text)
    for call in (store.read, store.identity, lambda: store.enable(Place()), store.disable):
        with pytest.raises(EngineError, match="cannot be read") as caught:
            call()
        assert "disable --forget" in caught.value.hint
    store.forget()
    assert store.read() == Record()


def test_a_lost_key_is_an_error_with_a_way_out(store: TlsStore, tmp_path: Path) -> None:
    (tmp_path / "tls" / "ca-key.pem").unlink()
    with pytest.raises(EngineError, match=r"authority .* cannot be read") as caught:
        store.add_client("laptop")
    assert "disable --forget" in caught.value.hint
    assert store.read().clients == ()


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "..", "x" * 65, "ä", "a\n"])
def test_names_that_cannot_be_a_client_s(store: TlsStore, name: str) -> None:
    with pytest.raises(EngineError, match="cannot be the name"):
        store.add_client(name)


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_how_long_a_certificate_can_be_valid(store: TlsStore, days: int) -> None:
    with pytest.raises(EngineError, match="cannot be valid"):
        store.add_client("laptop", days)


def test_a_name_is_given_once_unless_it_is_renewed(store: TlsStore, clock: Clock) -> None:
    store.add_client("laptop")
    with pytest.raises(EngineError, match="already") as caught:
        store.add_client("laptop")
    assert "--renew" in caught.value.hint
    store.add_client("laptop", renew=True)
    assert states(store, clock) == [("laptop", ClientState.VALID)] * 2
    assert len(store.identity().clients) == 2
    assert store.revoke("laptop") == 2
    assert store.identity().clients == {}
    store.add_client("laptop")  # a name that is revoked is free
    assert list(store.identity().clients.values()) == ["laptop"]


def test_an_expired_certificate_frees_its_name(store: TlsStore, clock: Clock) -> None:
    store.add_client("laptop", days=2)
    clock.now += 2 * DAY
    assert states(store, clock) == [("laptop", ClientState.EXPIRED)]
    store.add_client("laptop")


def test_revoking_what_is_not_there(store: TlsStore) -> None:
    with pytest.raises(EngineError, match="There is no client"):
        store.revoke("laptop")
    store.add_client("laptop")
    store.revoke("laptop")
    with pytest.raises(EngineError, match="revoked already"):
        store.revoke("laptop")


def test_turning_it_off_keeps_the_clients(store: TlsStore) -> None:
    before = store.add_client("laptop")
    store.disable()
    store.enable(Place("127.0.0.1", 12377))
    assert store.authority().pem.decode() == before.ca
    assert list(store.identity().clients.values()) == ["laptop"]


@pytest.mark.parametrize("known", [True, False])
def test_enabling_is_undone_without_a_trace(tmp_path: Path, known: bool) -> None:
    store = TlsStore(tmp_path / "tls", host().make_private)
    if known:
        store.enable(Place(port=1234))
    before = store.read()
    store.enable(Place(port=4321))
    store.put_back(before)
    assert store.read() == before
    assert (tmp_path / "tls").exists() == known


@pytest.mark.parametrize(
    ("address", "port", "hosts", "why"),
    [
        ("localhost", 1, (), "is not an IP address"),
        ("", 1, (), "is not an IP address"),
        ("127.0.0.1", 0, (), "is not a port"),
        ("127.0.0.1", 65536, (), "is not a port"),
        ("127.0.0.1", 1, ("*.example",), "neither an address nor the name"),
    ],
)
def test_places_that_are_refused(address: str, port: int, hosts: tuple[str, ...], why: str) -> None:
    with pytest.raises(EngineError, match=why):
        Place.checked(address, port, hosts)


@pytest.mark.parametrize(
    ("address", "hosts", "loopback", "url"),
    [
        ("127.0.0.1", (), True, "tcp://127.0.0.1:2376"),
        ("127.3.2.1", (), True, "tcp://127.3.2.1:2376"),
        ("[::1]", (), True, "tcp://[::1]:2376"),
        ("192.0.2.9", (), False, "tcp://192.0.2.9:2376"),
        ("0.0.0.0", ("build.example",), False, "tcp://build.example:2376"),
        ("::", ("2001:db8::7",), False, "tcp://[2001:db8::7]:2376"),
    ],
)
def test_where_clients_reach_a_place(address: str, hosts: tuple[str, ...], loopback: bool, url: str) -> None:
    place = Place.checked(address, 2376, hosts)
    assert (place.is_loopback, place.url) == (loopback, url)
    assert {"localhost", "127.0.0.1", "::1", *hosts} <= set(place.names())


def test_all_addresses_are_those_of_this_computer() -> None:
    names = Place("0.0.0.0", 2376).names()
    assert "0.0.0.0" not in names
    assert len(names) == len(set(names)) > 3


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "tls").write_text("a file is here")
    with pytest.raises(HostError, match="cannot be written"):
        TlsStore(tmp_path / "tls", host().make_private).forget()
