"""The host's network as Windows keeps it: certificates in its stores, the proxy in its registry, its resolver."""

from __future__ import annotations

import json

from tests.wine.system import WineSystem
from tests.wine.windows import PYTHON

ADD = """
import ctypes
from ctypes import wintypes
from datetime import UTC, datetime, timedelta
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

crypt = ctypes.WinDLL("crypt32", use_last_error=True)
crypt.CertOpenStore.restype = ctypes.c_void_p
crypt.CertOpenStore.argtypes = [
    ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, wintypes.LPCWSTR]
crypt.CertAddEncodedCertificateToStore.argtypes = [
    ctypes.c_void_p, wintypes.DWORD, ctypes.c_char_p, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p]
crypt.CertCloseStore.argtypes = [ctypes.c_void_p, wintypes.DWORD]
SYSTEM, USER = 10, 1 << 16

def add(store, certificate):
    opened = crypt.CertOpenStore(SYSTEM, 0, None, USER, store)
    data = certificate.public_bytes(Encoding.DER)
    assert opened and crypt.CertAddEncodedCertificateToStore(opened, 1, data, len(data), 1, None)
    assert crypt.CertCloseStore(opened, 0)

def name(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

def make(subject, key, issuer, signer):
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name(issuer), name(subject), key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now).not_valid_after(now + timedelta(days=9))
    return made.add_extension(x509.BasicConstraints(True, None), True).sign(signer, hashes.SHA256())

one, two = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
add("ROOT", make("Own root", one, "Own root", one))
add("CA", make("Between", two, "Own root", one))
add("CA", make("Stranger", two, "Another root", two))
"""

SHOW = """
from cryptography import x509
from vm.host import host
from vm.host.certificates import own_authorities
from vm.host.optional_files import OptionalFiles
for data in own_authorities(host().certificates(OptionalFiles())):
    print(x509.load_der_x509_certificate(data).subject.rfc4514_string())
"""


def test_certificates(wine: WineSystem) -> None:
    """In the user's stores; Wine does not keep what is added to the computer's."""
    assert wine.run([PYTHON, "-c", ADD]).code == 0
    done = wine.run([PYTHON, "-c", SHOW])
    assert done.code == 0, done
    found = set(done.output.split("\n"))
    assert {"CN=Own root", "CN=Between"} <= found
    assert "CN=Stranger" not in found


INTERNET = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings"

PROXIES = """
import dataclasses, json
from vm.host import host
print(json.dumps(dataclasses.asdict(host().proxies({}))))
"""


def test_the_proxy(wine: WineSystem) -> None:
    def change(name: str, kind: str, value: str) -> None:
        assert wine.run(["reg", "add", INTERNET, "/v", name, "/t", kind, "/d", value, "/f"]).code == 0

    def proxies() -> dict[str, str]:
        done = wine.run([PYTHON, "-c", PROXIES])
        assert done.code == 0, done
        found: dict[str, str] = json.loads(done.output)
        return found

    change("ProxyServer", "REG_SZ", "proxy.test:3128")
    change("ProxyOverride", "REG_SZ", "*.corp.test;10.*;<local>")
    change("ProxyEnable", "REG_DWORD", "1")
    both = "http://proxy.test:3128"
    assert proxies() == {"http": both, "https": both, "no": "*.corp.test,10.0.0.0/8", "passed_over": ""}
    change("ProxyEnable", "REG_DWORD", "0")
    change("AutoConfigURL", "REG_SZ", "http://wpad.test/proxy.pac")
    told = "it is chosen by a script (http://wpad.test/proxy.pac)"
    assert proxies() == {"http": "", "https": "", "no": "", "passed_over": told}


RULES = r"HKLM\SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig"
RULE = rf"{RULES}\{{2f0c3f43-0f0c-5a86-9d2e-6b1f0d7f5a51}}"

NAMES = """
import asyncio, json, sys
import dns.message
from vm.host import host
from vm.host.names import Resolver

async def main():
    resolver = Resolver(host().name_servers)
    for name in sys.argv[1:]:
        answer = dns.message.from_wire(await resolver.answer(dns.message.make_query(name, "A").to_wire()))
        print(json.dumps([answer.rcode(), [str(item) for rrset in answer.answer for item in rrset]]))
    print(json.dumps(host().name_servers("web.corp.test")))
    resolver.close()

asyncio.run(main())
"""


def test_names(wine: WineSystem) -> None:
    """By Windows' resolver; other questions go to the servers that a VPN's rule names."""
    servers = ["/v", "GenericDNSServers", "/t", "REG_SZ", "/d", "192.0.2.7;192.0.2.8", "/f"]
    assert wine.run(["reg", "add", RULE, *servers]).code == 0
    assert wine.run(["reg", "add", RULE, "/v", "Name", "/t", "REG_MULTI_SZ", "/d", ".corp.test", "/f"]).code == 0
    done = wine.run([PYTHON, "-c", NAMES, "localhost", "no-such-name.invalid"])
    assert done.code == 0, done
    here, nowhere, asked = (json.loads(line) for line in done.output.splitlines() if line.startswith("["))
    assert here == [0, ["127.0.0.1"]]
    assert nowhere == [3, []]  # NXDOMAIN
    assert asked == ["192.0.2.7", "192.0.2.8"]
