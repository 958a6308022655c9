"""A process that appends: some threads, each so many records, one of them retried. Started, and sometimes killed, by tests."""

from __future__ import annotations

import secrets
import sys
import threading

from activities.audit.ledger import Ledger
from activities.clock import utc_now
from byteport.domain.limits import Limits
from tests.integration.ledger.world import INSTALLATION, NOBODY, draft, open_at


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def main(address: str, name: str, threads: int, records: int) -> None:
    store = open_at(address, utc_now, secrets.token_bytes)
    ledger = Ledger(store, INSTALLATION, limits=Limits(), signers=NOBODY)
    say("ready")
    sys.stdin.readline()

    def append(thread: int) -> None:
        for number in range(records):
            key = f"{name}:{thread}:{number}"
            ledger.record(draft(key, incident=f"inc-{name}"))
            ledger.record(draft(key, incident=f"inc-{name}"))

    workers = [threading.Thread(target=append, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    say("done")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
