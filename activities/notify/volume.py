"""The volume of the notices, waited for so long and no longer: a disk that hangs keeps nobody from being told.

A full or broken disk answers with an error; one whose server is gone (NFS, a block device that is lost) does not answer at all, and
neither does the thread that asked it. So its calls have threads of their own, one at a time, which nothing waits for at the end: the
event loop's pool stays free, and so does the process's way out. Comes before `file.py` and `remembered.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from byteport.errors import Unavailable

SECONDS = 3.0
"""For one call, and for its turn; a disk that is well takes milliseconds."""
Answer = TypeVar("Answer")


class Volume:
    """Blocking calls to one volume."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._hung: threading.Thread | None = None

    async def ask(self, call: Callable[[], Answer]) -> Answer:
        """What `call` returns or raises. Raises `Unavailable` when it has had no turn for `SECONDS`, as on a disk that is slow while
        there is much to tell, when it has not ended in as many, and at once while an earlier one still hangs; that one goes on by itself."""
        try:
            async with asyncio.timeout(SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            raise Unavailable(f"the volume is behind: it has had no time for {SECONDS:.0f} s") from None
        try:
            if self._hung is not None and self._hung.is_alive():
                raise Unavailable("the volume still does not answer")
            loop = asyncio.get_running_loop()
            answered: asyncio.Future[Answer] = loop.create_future()
            thread = threading.Thread(target=_run, args=(call, loop, answered), name="notices-volume", daemon=True)
            thread.start()
            try:
                async with asyncio.timeout(SECONDS):
                    return await answered
            except TimeoutError:
                self._hung = thread
                raise Unavailable(f"the volume has not answered for {SECONDS:.0f} s") from None
            except asyncio.CancelledError:
                self._hung = thread
                raise
        finally:
            self._turn.release()


def _run(call: Callable[[], Answer], loop: asyncio.AbstractEventLoop, answered: asyncio.Future[Answer]) -> None:
    try:
        answer = call()
    except Exception as error:  # noqa: BLE001  it is raised where it is waited for
        _tell(loop, answered, error)
    else:
        _tell(loop, answered, answer)


def _tell(loop: asyncio.AbstractEventLoop, answered: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    def tell() -> None:
        if answered.done():
            return
        if isinstance(answer, Exception):
            answered.set_exception(answer)
        else:
            answered.set_result(answer)

    with contextlib.suppress(RuntimeError):  # the loop is over: nobody waits
        loop.call_soon_threadsafe(tell)
