"""Draws on disk, safe against ``kill -9``: one file a chain, to which blocks are appended.

A block is a header and rows of float64. What was handed to the operating system stays when the
process is killed; a block that is cut short fails its checksum, and it and all after it do not
count. nutpie's own zarr store was tried: 16 draws a file, thousands of files a run.
"""

import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from cellkinetics.errors import FitError
from cellkinetics.kernel.layout import Floats, Ints

_HEADER = struct.Struct("<4sIIId")  # magic, checksum of all that follows, segment, rows, seconds
_MAGIC = b"CKD1"


@dataclass(frozen=True)
class Record:
    """What a chain's file holds.

    Attributes
    ----------
    rows : float array (row, column)
    segment : int array (row,)      which uninterrupted run of the sampler a row comes from
    seconds : float                 sampling time over all attempts
    length : int                    bytes that are whole; the rest of the file does not count
    """

    rows: Floats
    segment: Ints
    seconds: float
    length: int


def read_record(path: Path, columns: int) -> Record:
    """Read the whole blocks of a chain's file; a file that is absent holds none.

    Parameters
    ----------
    path : Path
    columns : int

    Returns
    -------
    Record
    """
    content = memoryview(path.read_bytes() if path.exists() else b"")
    parts: list[Floats] = [np.empty((0, columns))]
    segments: list[Ints] = [np.empty(0, dtype=np.int64)]
    seconds, at = 0.0, 0
    while at + _HEADER.size <= len(content):
        magic, checksum, segment, rows, spent = _HEADER.unpack_from(content, at)
        end = at + _HEADER.size + 8 * rows * columns
        if magic != _MAGIC or end > len(content) or crc32(content[at + 8 : end]) != checksum:
            break
        block = np.frombuffer(content[at + _HEADER.size : end], dtype="<f8")
        parts.append(block.reshape(rows, columns))
        segments.append(np.full(rows, segment, dtype=np.int64))
        seconds += spent
        at = end
    return Record(np.concatenate(parts), np.concatenate(segments), seconds, at)


class Writer:
    """Appends blocks to a chain's file."""

    def __init__(self, path: Path, length: int) -> None:
        """Open a file for appending after its whole blocks; what follows them is cut off."""
        self._path = path
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        os.ftruncate(self._handle, length)
        os.lseek(self._handle, 0, os.SEEK_END)

    def append(self, rows: Floats, *, segment: int, seconds: float) -> None:
        """Hand a block to the operating system.

        Parameters
        ----------
        rows : float array (row, column)    may be empty: then only the time is kept
        segment : int
        seconds : float                     sampling time since the last block
        """
        content = np.ascontiguousarray(rows, dtype="<f8").tobytes()
        header = _HEADER.pack(_MAGIC, 0, segment, len(rows), seconds)
        block = header[8:] + content
        block = _MAGIC + struct.pack("<I", crc32(block)) + block
        try:
            written = os.write(self._handle, block)
        except OSError as error:
            raise FitError(f"The draws cannot be kept in {self._path}: {error}.") from error
        if written != len(block):
            raise FitError(f"The draws cannot be kept in {self._path}: the disk is full.")

    def close(self) -> None:
        """Put everything on the disk and close the file."""
        os.fsync(self._handle)
        os.close(self._handle)


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Hold a folder against other processes.

    The lock is the kernel's: it ends with the process, however that ends.

    Raises
    ------
    FitError                        another process samples into the folder
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "lock", folder):
        yield


@contextmanager
def locked(path: Path, folder: Path) -> Iterator[None]:
    """Hold ``folder`` by a lock on the file ``path``, which is removed afterwards.

    Raises
    ------
    FitError                        another process holds it
    """
    handle = _lock(path, folder)
    try:
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is held: see _lock
        os.close(handle)


def _lock(path: Path, folder: Path) -> int:
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise FitError(
                f"Nothing can be written at {folder} ({error.strerror}). Choose another --out."
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A lock on a file that its last owner has removed in the meantime holds nothing.
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except BlockingIOError:
            owner = os.pread(handle, 200, 0).decode().strip() or "another process"
            os.close(handle)
            raise FitError(
                f"{folder} is in use: {owner} is sampling into it."
                " Wait for it, stop it, or choose another folder."
            ) from None
        except FileNotFoundError:
            pass  # removed between the two looks: once more
        except OSError as error:
            os.close(handle)
            raise FitError(
                f"{folder} cannot be held against other processes ({error.strerror}): its file"
                " system has no locks. Choose another --out."
            ) from error
        os.close(handle)
