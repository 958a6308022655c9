"""Whether bytes are the headers that must stand at these places, told for a whole batch at once: yes, or perhaps.

A canonical header has its fields in one order, and all but the action id before them of known lengths, counted from the
end. So each is cut at the same places, and each piece of all of them is compared at once with what must be there: the hashes
that were computed anew, the chain's own names, and for what may be any (an id, a key, a time) its alphabet. Comes beside
`shapes`, before `batches`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from byteport.audit.chain import GENESIS
from byteport.audit.flat import text_of
from byteport.audit.heads import Chain
from byteport.audit.records import is_minute
from byteport.audit.words import TELLING, Decision, Event

_HEX = b"0123456789abcdef"
_DIGITS = b"0123456789"
_ACTIONS = re.compile(rb'(?:\{"action_id":(?:null|"[ !#-\[\]-~]*")\n)*').fullmatch
_HASHES = re.compile(rb"(?:sha256:[0-9a-f]{64})*").fullmatch
_PAYLOAD = b'","payload":"'
_BLANK = ord(" ")
_IDS = b'        -    -7   -    -            ","key":"' + b" " * 64
"""Id and key."""
_VARIANT = 19
"""Where the id says that it is one of RFC 9562."""
_TIME = b'    -  -  T  :  :  .   Z"}'
"""The time, and the end."""
_SECONDS = 17
_HASH = len(GENESIS)


class _Names(NamedTuple):
    """What stands in every header of a chain."""

    middles: frozenset[bytes]
    """From the cluster's uid to the id, for each decision and event."""
    tenant: str
    """From the end of the number to the time."""


@lru_cache(maxsize=64)
def _names(chain: Chain) -> _Names:
    uid, tenant = text_of(chain.cluster_uid), text_of(chain.tenant).decode()
    middles = (
        b'%b,"decision":"%b","event":"%b","format":"byteport-record-v1","id":"'
        % (uid, decision.value.encode(), event.value.encode())
        for decision in Decision
        for event in Event
        if event not in TELLING
    )
    return _Names(frozenset(middles), f',"tenant":{tenant},"timestamp":"')


def are_headers(
    headers: Sequence[bytes], chain: Chain, first: int, prev_hashes: Sequence[str], commitments: Sequence[str | None]
) -> list[bytes] | None:
    """Their times, none before the one before it, if they surely are canonical headers of `chain` from number `first` on,
    with these hashes in them.

    None among the commitments is any. None (perhaps) is said of records that tell of removals, of an action id that would
    be written with an escape, and of a batch whose numbers are not all of one length.
    """
    names, digits = _names(chain), len(str(first))
    if len(str(first + len(headers) - 1)) != digits or digits > 15:
        return None
    time_at = -len(_TIME)
    payload_at = (
        time_at - len(_PAYLOAD) - _HASH - len(f'","prev_hash":"{GENESIS}","seq":') - digits - len(names.tenant.encode())
    )
    ids_at = payload_at - len(_IDS)
    if any(commitment is None for commitment in commitments):
        start = payload_at + len(_PAYLOAD)
        claimed = [header[start : start + _HASH] for header in headers]
        if not all(len(each) == _HASH for each in claimed) or not _HASHES(b"".join(claimed)):
            return None
        commitments = [known or own.decode() for known, own in zip(commitments, claimed, strict=True)]
    numbers = range(first, first + len(headers))
    told = "".join(
        [
            f'","payload":"{commitment}","prev_hash":"{prev_hash}","seq":{seq}{names.tenant}'
            for commitment, prev_hash, seq in zip(commitments, prev_hashes, numbers, strict=True)
        ]
    )
    times = [header[time_at:-2] for header in headers]
    if (
        b"".join([header[payload_at:time_at] for header in headers]) == told.encode()
        and _are([header[time_at:] for header in headers], _TIME, _DIGITS)
        and _are_times(times)
        and _are([header[ids_at:payload_at] for header in headers], _IDS, _HEX)
        and not b"".join([header[ids_at + _VARIANT : ids_at + _VARIANT + 1] for header in headers]).translate(
            None, b"89ab"
        )
        and _are_fronts([header[:ids_at].partition(b',"cluster_uid":') for header in headers], names.middles)
    ):
        return times
    return None


def _are_times(times: Sequence[bytes]) -> bool:
    """Whether there are such times, each not before the one before it."""
    return (
        times == sorted(times)
        and all(is_minute(minute.decode()) for minute in {time[:16] for time in times})
        and not b"".join([time[_SECONDS : _SECONDS + 1] for time in times]).translate(None, b"012345")
    )


def _are(pieces: Sequence[bytes], form: bytes, alphabet: bytes) -> bool:
    """Whether each piece is `form`, with any character of `alphabet` where that has a blank.

    None is longer than the form. Put one behind the other they have the right length only if each of them has, and then
    every character of the form stands in its own column.
    """
    rows, joined, width = len(pieces), b"".join(pieces), len(form)
    fixed = [(at, form[at : at + 1]) for at in range(width) if form[at] != _BLANK]
    return (
        len(joined) == rows * width
        and all(joined[at::width] == char * rows for at, char in fixed)
        and len(joined.translate(None, alphabet)) == rows * sum(char not in alphabet for _, char in fixed)
    )


def _are_fronts(fronts: Sequence[tuple[bytes, bytes, bytes]], middles: frozenset[bytes]) -> bool:
    actions = b"\n".join([action for action, _, _ in fronts]) + b"\n"
    return middles.issuperset([middle for _, _, middle in fronts]) and _ACTIONS(actions) is not None
