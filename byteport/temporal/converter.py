"""The one data converter of every client, worker and replay: pydantic models, encrypted, failures encrypted too.

Without the failure converter's encoded attributes, messages and stack traces would lie in the history as plain text.
Never encrypted by Temporal, so nothing secret goes there: search attributes, ids of workflows, updates, messages and
activities.
"""

from __future__ import annotations

import dataclasses

from temporalio.common import HeaderCodecBehavior
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes

from byteport.temporal.codec import EncryptingCodec
from byteport.temporal.keys import Ring

HEADERS = HeaderCodecBehavior.CODEC
"""Headers (trace contexts) are encrypted as payloads are."""


def data_converter(ring: Ring) -> DataConverter:
    """Pydantic JSON, then AES-256-GCM under the ring's first key."""
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=EncryptingCodec(ring),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
