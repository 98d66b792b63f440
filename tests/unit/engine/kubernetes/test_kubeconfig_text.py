"""Our entries in the text of a kubeconfig: everything else stays byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.kubernetes.kubeconfig_text import (
    SKELETON,
    Entry,
    KubeconfigError,
    current_context,
    has_entry,
    with_entry,
    without_entry,
)

ENTRY = Entry("https://127.0.0.1:6443", "QQ==", "Qg==", "Qw==")
RENEWED = Entry("https://127.0.0.1:6444", "QQ==", "RA==", "RQ==")

USER = "- name: slipway\n  user:\n    client-certificate-data: Qg==\n    client-key-data: Qw==\n"

KUBECTL = """\
apiVersion: v1
clusters:
- cluster:
    server: https://example.test
  name: work
contexts:
- context:
    cluster: work
    namespace: slipway
    user: me
  name: work
current-context: work
kind: Config
preferences: {}
users:
- name: me
  user:
    token: abc
"""

BY_HAND = """\
# mine
---
apiVersion: v1
kind: Config
users:
  # the boss
  - name: "boss"
    user: {token: "a: b"}

  - user:
      exec:
        command: |
          - name: slipway
    name: 'other'   # really

contexts: []  # none yet
# the end"""


def test_beside_what_kubectl_has_written() -> None:
    text, undo = with_entry(KUBECTL, ENTRY, current=False)
    assert has_entry(text)
    assert not has_entry(KUBECTL)
    assert current_context(text) == "work"
    assert (
        "    server: https://example.test\n  name: work\n- cluster:\n    certificate-authority-data: QQ==" in text
    )
    assert text.endswith(USER)
    assert without_entry(text, undo) == KUBECTL


def test_indentation_comments_and_an_open_end_stay() -> None:
    text, undo = with_entry(BY_HAND, ENTRY, current=True)
    assert "\n  - name: slipway\n    user:\n      client-certificate-data: Qg==\n" in text
    assert "contexts:\n- context:\n    cluster: slipway\n" in text
    assert current_context(text) == "slipway"
    assert without_entry(text, undo) == BY_HAND


@pytest.mark.parametrize("empty", ["clusters: []", "clusters:", "clusters: null", "clusters:\n# none"])
def test_an_empty_list_has_nothing_of_ours(empty: str) -> None:
    before = f"kind: Config\n{empty}\nusers: []\n"
    assert not has_entry(before)
    text, undo = with_entry(before, ENTRY, current=True)
    assert has_entry(text)
    assert without_entry(text, undo) == before


def test_a_new_file() -> None:
    text, undo = with_entry(SKELETON, ENTRY, current=True)
    assert text == (
        f"{SKELETON}clusters:\n- cluster:\n    certificate-authority-data: QQ==\n"
        "    server: https://127.0.0.1:6443\n  name: slipway\n"
        "contexts:\n- context:\n    cluster: slipway\n    user: slipway\n  name: slipway\n"
        f"users:\n{USER}"
        "current-context: slipway\n"
    )
    assert without_entry(text, undo) == SKELETON


def test_what_the_user_changed_meanwhile_stays() -> None:
    text, undo = with_entry(KUBECTL, ENTRY, current=False)
    moved = text.replace("current-context: work", "current-context: slipway").replace("abc", "def")
    expected = KUBECTL.replace("current-context: work", 'current-context: ""').replace("abc", "def")
    assert without_entry(moved, undo) == expected
    assert without_entry(KUBECTL, undo) == KUBECTL


def test_an_empty_current_context_comes_back() -> None:
    before = KUBECTL.replace("current-context: work", 'current-context: ""')
    text, undo = with_entry(before, ENTRY, current=True)
    assert current_context(text) == "slipway"
    assert without_entry(text, undo) == before


@pytest.mark.parametrize(
    "text",
    [
        '{"clusters": [], "kind": "Config"}',
        "clusters: [{name: work, cluster: {server: x}}]\n",
        "clusters:\n- {name: slipway, cluster: {server: x}}\n",
        "clusters:\n- &anchor\n  name: work\n",
        "kind: Config\n---\nkind: Config\n",
        "clusters:\n\t- name: work\n",
        "? complex\n: key\n",
        "clusters:\nclusters:\n",
    ],
)
def test_another_style_is_refused(text: str) -> None:
    with pytest.raises(KubeconfigError, match="style") as caught:
        has_entry(text)
    assert "line " in caught.value.detail


names = st.from_regex(r"\A[a-z][a-z0-9.-]{0,8}\Z").filter(lambda name: name != "slipway")
noise = st.sampled_from(["", "\n", "# note\n", "   \n"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Kubeconfigs in block style, in many a layout."""
    indent = " " * draw(st.integers(0, 4))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    parts = ["apiVersion: v1\n"]
    for key in draw(st.permutations(["clusters", "contexts", "users", "current-context"])):
        parts.append(draw(noise))
        found = draw(st.lists(names, max_size=3))
        if key == "current-context":
            parts.append(draw(st.sampled_from(["", 'current-context: ""\n', "current-context: work # it\n"])))
        elif found:
            parts.append(f"{key}:{draw(st.sampled_from(['', ' # all']))}\n")
            for name in found:
                inner = f"{indent}- {key[:-1]}:\n{indent}    field: {name}\n{indent}  name: {name}\n"
                parts += [draw(noise), draw(st.sampled_from([inner, f'{indent}- name: "{name}"\n']))]
        else:
            parts.append(draw(st.sampled_from(["", f"{key}: []\n", f"{key}: null\n", f"{key}:\n"])))
    text = "".join(parts) + draw(noise)
    text = text if draw(st.booleans()) else text.rstrip("\n")
    return text.replace("\n", newline)


@given(documents(), st.booleans())
def test_all_comes_back_byte_for_byte(before: str, current: bool) -> None:
    text, undo = with_entry(before, ENTRY, current=current)
    assert has_entry(text)
    assert without_entry(text, undo) == before


@given(documents(), st.booleans())
def test_nothing_of_others_is_changed(before: str, current: bool) -> None:
    text, _ = with_entry(before, RENEWED, current=current)
    left = iter(text.splitlines())
    for line in before.splitlines():
        replaced = line.startswith(("clusters:", "contexts:", "users:", "current-context:"))
        assert replaced or line in left, line
