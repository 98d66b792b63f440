"""Events as ``wevtutil qe … /f:xml /e:Events /uni:true`` prints them: one line of UTF-16 for each."""

from __future__ import annotations

from xml.sax.saxutils import escape

import pytest

from vm.errors import HostError
from vm.services.event_log import parse_events


def event(number: int, level: str, *parts: str) -> str:
    """One of dockerd's: a message, and its fields in a second string."""
    data = "".join(f"<Data>{escape(part)}</Data>" for part in parts)
    return (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
        f"<Provider Name='X'/><EventID Qualifiers='0'>11</EventID><Version>0</Version><Level>{level}</Level>"
        "<Task>0</Task><Opcode>0</Opcode><Keywords>0x80000000000000</Keywords>"
        f"<TimeCreated SystemTime='2026-11-30T20:31:3{number % 10}.1234567Z'/>"
        f"<EventRecordID>{number}</EventRecordID><Correlation/><Execution ProcessID='0' ThreadID='0'/>"
        "<Channel>Application</Channel><Computer>PC</Computer><Security/></System>"
        f"<EventData>{data}</EventData></Event>"
    )


def printed(*events: str) -> bytes:
    return f"<Events>{''.join(f'{one}{chr(13)}{chr(10)}' for one in events)}</Events>".encode("utf-16")


def texts(*events: str) -> list[str]:
    return [str(one) for one in parse_events(printed(*events).decode("utf-16"))]


def test_the_oldest_comes_first() -> None:
    found = parse_events(printed(event(9, "4", "b"), event(8, "4", "a")).decode("utf-16"))
    assert [(one.number, one.message) for one in found] == [(8, "a"), (9, "b")]


def test_message_fields_time_and_level() -> None:
    assert texts(event(7, "3", "no <mirror> & more", "error=unknown module=x")) == [
        "2026-11-30T20:31:37.123Z warning no <mirror> & more error=unknown module=x"
    ]
    levels = {"1": "fatal", "2": "error", "4": "info", "0": "info", "5": "debug"}
    for level, word in levels.items():
        assert texts(event(1, level, "x"))[0].split()[1] == word


def test_one_event_is_one_line() -> None:
    assert texts(event(1, "4", "two\r\nlines", "", "a=b"))[0].endswith("info    two lines a=b")


def test_what_xml_may_not_have() -> None:
    assert texts(event(1, "4", "\x1b[31mred\x00"))[0].endswith("\ufffd[31mred\ufffd")


def test_none() -> None:
    assert parse_events("") == parse_events("\ufeff<Events></Events>") == []


@pytest.mark.parametrize("text", ["Der Vorgang wurde beendet.", "<Events>"])
def test_what_is_no_event(text: str) -> None:
    with pytest.raises(HostError, match="cannot be understood"):
        parse_events(text)


def test_a_record_without_a_number() -> None:
    with pytest.raises(HostError, match="cannot be understood"):
        texts(event(1, "4", "x").replace("<EventRecordID>1", "<EventRecordID>one"))
