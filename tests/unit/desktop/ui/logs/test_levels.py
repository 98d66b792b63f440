"""The level of a line, by the conventions of programs that are often met."""

from __future__ import annotations

import pytest

from desktop.ui.models.logs.levels import Level, goes_on, level_of

LINES = {
    Level.TRACE: ('{"level":10,"msg":"pino"}', "[TRACE] x", "12:00 trc> [trc] x"),
    Level.DEBUG: ("2026-11-30 DEBUG worker ready", "level=debug msg=x", '{"level":7,"host":"gelf"}'),
    Level.INFO: (
        "INFO:     127.0.0.1:52 - GET /",
        "2026-11-30 23:39:01.123  INFO 1 --- [main] c.e.App : Started",
        "2026-11-30 10:00:00.000 UTC [1] LOG:  database system is ready",
        "1:M 30 Nov 2026 23:39:01.000 * Ready to accept connections",
        "I1130 23:39:01.123456       1 server.go:12] listening",
        "[Nest] 1  - LOG [NestFactory] level=info",
    ),
    Level.WARNING: (
        "level=warning msg=slow",
        '{"timestamp":"…","severity":"WARNING","message":"x"}',
        "warning: unused variable",
        "| WARN | disk",
        "1:M 30 Nov 2026 23:39:01.000 # WARNING overcommit_memory",
        '{"@t":"…","@l":"Warning","@mt":"x"}',
    ),
    Level.ERROR: (
        "2026/11/30 10:00:00 [error] 7#7: *1 open() failed",
        'time="2026-11-30" level=error msg="x"',
        '{"level":50,"msg":"pino"}',
        '{"log.level": "error"}',
        "2026-11-30 10:00:00 UTC [60] ERROR:  relation does not exist",
        "E1130 23:39:01.123456       1 server.go:12] refused",
        "ValueError: not a number",
        "java.lang.IllegalStateException: closed",
        "Traceback (most recent call last):",
        "Error: Cannot find module 'x'",
        '{"level":3,"host":"gelf"}',
    ),
    Level.FATAL: ("panic: runtime error", "FATAL:  role does not exist", '{"level":60}', "<crit> x"),
    Level.NONE: (
        "",
        '172.17.0.1 - - [30/Nov/2026:10:00:00 +0000] "GET /error HTTP/1.1" 200 615',
        "GET /INFO/x 200",
        "no errors",
        "an error was not seen",
        "the informant",
        "ERROR_LOG=/var/log/x is set",
        "level of water: high",
    ),
}


@pytest.mark.parametrize(("level", "text"), [(level, text) for level, texts in LINES.items() for text in texts])
def test_levels(level: Level, text: str) -> None:
    assert level_of(text) is level


def test_a_stack_trace_belongs_to_its_first_line() -> None:
    assert goes_on("    at com.example.App.main(App.java:12)")
    assert goes_on("Caused by: java.io.IOException")
    assert not goes_on("GET / 200")
