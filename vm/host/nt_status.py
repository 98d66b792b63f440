"""The errors of Windows' kernel (NTSTATUS, [MS-ERREF] 2.3) as the errors that Python and Linux know."""

from __future__ import annotations

import errno
import os

END_OF_FILE, NO_MORE_FILES, NO_SUCH_FILE, BUFFER_OVERFLOW = 0xC0000011, 0x80000006, 0xC000000F, 0x80000005
DELETE_PENDING, OBJECT_NAME_COLLISION, REPARSE_POINT_ENCOUNTERED = 0xC0000056, 0xC0000035, 0xC000050B

_NUMBERS = {
    errno.EACCES: (0xC0000022, 0xC0000279),
    errno.EBADF: (0xC0000008,),
    errno.EBUSY: (0xC0000043, 0xC0000054, 0xC0000055, DELETE_PENDING, 0xC0000121, 0xC0000243),
    errno.EDQUOT: (0xC0000044,),
    errno.EEXIST: (OBJECT_NAME_COLLISION,),
    errno.EFBIG: (0xC0000904,),
    errno.EINVAL: (0xC000000D, 0xC0000033, 0xC000003B, 0xC0000275, 0xC0000276, 0xC0000277, 0xC0000278),
    errno.EISDIR: (0xC00000BA,),
    errno.ELOOP: (REPARSE_POINT_ENCOUNTERED,),
    errno.EMFILE: (0xC000011F,),
    errno.EMLINK: (0xC0000265,),
    errno.ENAMETOOLONG: (0xC0000106,),
    errno.ENOENT: (0xC000000E, NO_SUCH_FILE, 0xC0000034, 0xC0000039, 0xC000003A, 0xC0000123, 0xC0000013),
    errno.ENOMEM: (0xC0000017, 0xC000009A),
    errno.ENOSPC: (0xC000007F,),
    errno.ENOTDIR: (0xC0000103,),
    errno.ENOTEMPTY: (0xC0000101,),
    errno.EOPNOTSUPP: (0xC0000002, 0xC0000003, 0xC0000010, 0xC00000BB),
    errno.EPERM: (0xC0000061,),
    errno.EROFS: (0xC00000A2,),
    errno.ETIMEDOUT: (0xC00000B5,),
    errno.EXDEV: (0xC00000D4,),
}

_ERRNO = {status: number for number, found in _NUMBERS.items() for status in found}


def error_of(status: int) -> OSError:
    """What a call that failed with ``status`` raises; one of OSError's own classes where there is one."""
    number = _ERRNO.get(status, errno.EIO)
    return OSError(number, f"{os.strerror(number)} (NTSTATUS {status:08X})")


def is_error(status: int) -> bool:
    """Whether nothing was done; warnings have done what they could."""
    return status >= 0xC0000000
