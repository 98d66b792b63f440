"""The host's folders in the machine, at the same path: by virtiofs (vm/virtiofs.py), or else by SFTP.

    container ─► fuse_passthrough + fuse_overlay ─► the kernel's virtiofs ══ shared memory ══► virtiofsd ─► files
    container ─► sshfs + fuse_overlay ─► sftp_transport ══ link ══► supervisor ─► SFTP daemon ─► files
                 (vm/image/native)                                  shares.py     sessions.py, sftp.py, tree.py
                                                                    daemon_process.py

The SFTP server is our own, in a process of its own (sftp_daemon.py, sftp_daemon_windows.py), and the same on every
system but for the tree (tree_posix.py, tree_windows.py): nothing outside the folder can be named, since no link is
ever followed on this side and ``..`` is not understood. OpenSSH's server follows links, and Landlock, which would
confine it, lets stat, chmod and utimes pass; paramiko's takes names for UTF-8 and knows no hard links. The two
ends count bytes (wire.py): when the link, or the supervisor, goes and comes back, both continue where they were,
with the same open files. Meanwhile the containers wait.

What Windows lacks: modes (tree_windows.py), some names (windows_names.py). Its links: reparse.py.
"""

from engine.folders.shares import SFTP, VIRTIOFS, Share, Shares, table

__all__ = ["SFTP", "VIRTIOFS", "Share", "Shares", "table"]
