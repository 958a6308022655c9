"""What a witness has cosigned last of each log: one file a log, with the log's key and the cosigned note itself.

The witness's own signature in it is what a file is believed by. A file that is not signed so is a damage that nobody can mend
by beginning at nothing: the log is refused until a person has put it right. So is a file that is gone: the names of all logs
that were ever signed are in a list beside the folder, on whatever volume the key is. Comes before `witness`.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from byteport.audit.checkpoint import Checkpoint, open_checkpoint
from byteport.audit.notes import VerifierKey, parse_vkey
from byteport.errors import MalformedInput, NotPermitted, Unavailable
from byteport.trust import durable

SIGNED = "signed"
"""The list of logs that were ever signed, an origin a line."""


class States:
    """The files of one witness, in a folder of their own. They are read and written in threads."""

    def __init__(self, folder: Path, key: VerifierKey) -> None:
        self._folder = folder
        self._signed = folder.with_name(SIGNED)
        self._key = key
        self._listing = threading.Lock()

    def last(self, origin: str) -> Checkpoint | None:
        """The last checkpoint of that log which this witness signed; None when it never signed one.

        Raises `Unavailable` for a file that cannot be read, that this witness did not sign for this log, or that is gone.
        """
        path = self.path(origin)
        data = durable.read(path)
        if data is None:
            if origin in self._listed():
                raise Unavailable(f"{path} is gone, and {self._signed} says that this log was signed")
            return None
        try:
            log, _, note = data.decode("utf-8").partition("\n")
            opened = open_checkpoint(note, (parse_vkey(log), self._key))
        except (MalformedInput, NotPermitted, UnicodeDecodeError) as error:
            raise Unavailable(f"{path} is damaged") from error
        if not opened.cosigned or opened.checkpoint.origin != origin:
            raise Unavailable(f"{path} is not what this witness wrote of this log")
        return opened.checkpoint

    def keep(self, origin: str, log: VerifierKey, note: str) -> None:
        """Durably, before anybody is told. Raises `Unavailable` when it cannot be."""
        durable.replace(self.path(origin), f"{log}\n{note}".encode())
        with self._listing:  # logs are seen to in threads of their own
            listed = self._listed()
            if origin not in listed:
                durable.replace(self._signed, "".join(f"{one}\n" for one in (*listed, origin)).encode())

    def _listed(self) -> tuple[str, ...]:
        data = durable.read(self._signed)
        try:
            return tuple(data.decode("utf-8").split("\n")[:-1]) if data is not None else ()
        except UnicodeDecodeError as error:
            raise Unavailable(f"{self._signed} is damaged") from error

    def path(self, origin: str) -> Path:
        """A log's name may be anything, so that the file has its digest."""
        return self._folder / f"{hashlib.sha256(origin.encode('utf-8')).hexdigest()}.checkpoint"
