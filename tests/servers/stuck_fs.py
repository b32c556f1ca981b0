"""A file system in which every access waits until it is unmounted: what a dead file server does to a
program, which the kernel then does not end."""

import contextlib
import ctypes
import os
import struct
import threading

import pytest

INIT = 26
IN_HEADER = struct.Struct("=IIQQIIIHH")
MNT_DETACH = 2


@contextlib.contextmanager
def mounted(directory):
    """Speaks enough of FUSE (linux/fuse.h) to be mounted, and never answers anything else."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    libc = ctypes.CDLL(None, use_errno=True)
    directory.mkdir()
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError as failure:
        pytest.skip(f"/dev/fuse cannot be opened: {failure}")
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"stuck", os.fsencode(directory), b"fuse", 0, options) != 0:
        os.close(device)
        pytest.skip(f"cannot mount: {os.strerror(ctypes.get_errno())}")

    def take():
        with contextlib.suppress(OSError):
            while True:
                request = os.read(device, 1 << 20)
                _, opcode, unique, *_ = IN_HEADER.unpack_from(request)
                if opcode == INIT:
                    answer = struct.pack("=IIIIHHIIHHI7I", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, *[0] * 8)
                    os.write(device, struct.pack("=IiQ", 16 + len(answer), 0, unique) + answer)

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield directory
    finally:
        # Forced, it ends what waits.
        libc.umount2(os.fsencode(directory), 1)
        libc.umount2(os.fsencode(directory), MNT_DETACH)
        thread.join(30)
        os.close(device)
        directory.rmdir()
