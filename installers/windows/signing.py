"""Signs programs and installers for Windows (Authenticode), by osslsigncode (Debian's package of that name).

Keys are the releaser's: a file outside the repository holds the options of ``osslsigncode sign`` that say where
they are, in the shell's quoting, on any number of lines. For example, with a key in a token:

    -pkcs11module /usr/lib/opensc-pkcs11.so -certs /secure/chain.pem -key "pkcs11:id=%01" -readpass /secure/pin
    -ts http://timestamp.example.com

Without such a file nothing is signed, and Windows warns of an unknown publisher.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from installers.checkout.console import StepError, run_quietly
from installers.checkout.environment import ROOT
from installers.checkout.system import find_program
from installers.common.product import NAME

OURS = ("Slipway.exe", "bin/*.exe", "python/python3.dll", "docker/*.exe", "docker/cli-plugins/*.exe")
"""What we have compiled, below the payload's folder; the rest is as its makers distribute it."""


@dataclass(frozen=True)
class Signer:
    """Signs files in place.

    :ivar options: the file with the options.
    """

    options: Path

    def sign(self, path: Path) -> None:
        """Sign one file, or sign it again.

        :raise StepError: osslsigncode is missing or has failed; the file is as it was.
        """
        program = find_program("osslsigncode")
        if program is None:
            raise StepError("Missing: osslsigncode, which signs programs\n  sudo apt-get install osslsigncode")
        try:
            given = shlex.split(self.options.read_text(encoding="utf-8"), comments=True)
        except (OSError, ValueError) as error:
            raise StepError(f"The signing options in {self.options} cannot be read: {error}") from error
        signed = path.with_name(f".{path.name}.signed")
        argv = [program, "sign", *given, "-h", "sha256", "-n", NAME, "-in", str(path), "-out", str(signed)]
        try:
            run_quietly(f"signing {path.name}", argv)
            signed.replace(path)
        finally:
            signed.unlink(missing_ok=True)

    def sign_payload(self, folder: Path) -> None:
        """Sign our programs and libraries in a payload.

        :raise StepError: one cannot be signed.
        """
        for pattern in OURS:
            for path in sorted(folder.glob(pattern)):
                self.sign(path)

    @property
    def command(self) -> tuple[str, ...]:
        """The command that signs the file which is its last word, for makensis."""
        python = ("env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "installers.windows")
        return (*python, "sign", "--sign-with", str(self.options.resolve()))
