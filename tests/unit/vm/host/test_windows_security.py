"""What an access list of Windows means; that Windows takes ours is seen under Wine (tests/wine)."""

from __future__ import annotations

import pytest

from vm.host.windows_security import only_ours

ADA, EVE = "S-1-5-21-1-2-3-1000", "S-1-5-21-1-2-3-1001"


@pytest.mark.parametrize(
    ("sddl", "private"),
    [
        (f"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;{ADA})", True),
        (f"D:AI(A;ID;FA;;;S-1-5-18)(A;ID;FA;;;S-1-5-32-544)(A;ID;FA;;;{ADA})", True),
        (f"D:P(D;;FA;;;WD)(A;;FA;;;{ADA})", True),
        (f"D:(A;;FA;;;SY)(A;OICIID;0x1200a9;;;BU)(A;;FA;;;{ADA})", False),
        (f"D:P(A;;FA;;;{EVE})", False),
        ("D:P(A;;GR;;;WD)", False),
        ("D:NO_ACCESS_CONTROL", False),
        ("", False),
    ],
)
def test_only_ours(sddl: str, private: bool) -> None:
    assert only_ours(sddl, ADA) is private
