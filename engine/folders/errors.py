"""The errors of the host's system calls as Linux numbers them, for the machine; other systems have other numbers.

The numbers are those of ``include/uapi/asm-generic/errno-base.h`` and ``errno.h``; amd64 and arm64 share them. A
private-use language tag (RFC 5646 section 2.2.7) carries one, where a status of SFTP has the language of its
message: a client that does not know it ignores it.
"""

from __future__ import annotations

import errno

TAG = b"x-errno-"
"""What the number, in decimal, follows. vm/image/native/sftp_answers.c is the other end."""

_NAMES = """
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY
    EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK
    EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT
    EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME
    ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ
    EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK
    EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT
    EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN
    ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE
    EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED
    EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON
"""

LINUX = {name: number for number, name in enumerate(_NAMES.split(), 1) if name != "-"}
"""Name → number on Linux."""

_SAME = {"EWOULDBLOCK": "EAGAIN", "EDEADLOCK": "EDEADLK", "ENOTSUP": "EOPNOTSUPP", "ENOATTR": "ENODATA"}

_RESERVED = {"ENOSYS": "EOPNOTSUPP"}
"""A file system that answers ENOSYS once is never asked for that operation again."""


def linux_number(code: int | None) -> int:
    """The Linux number of the host's error ``code``; EIO for one that Linux does not have."""
    name = errno.errorcode.get(code or 0, "EIO").removeprefix("WSA")  # Windows' names for some
    name = _SAME.get(name, name)
    return LINUX.get(_RESERVED.get(name, name), LINUX["EIO"])


def tag(number: int) -> bytes:
    """The language tag that carries ``number``."""
    return TAG + str(number).encode()
