"""The pipeline's queue of requests, where a consumer asks for what it misses."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .rule import AskedReplay


class RequestQueue:
    """`MarkFanOutRequests.fifo`, for a client with a `request_role` in client-queues.toml.

    `sqs` is a client as boto3 has them, `url` the queue's URL. What it raises is logged, with the operator's command.
    """

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def ask(self, client: str, group: str, asked: AskedReplay) -> None:
        """Sends the request of `client` for a replay of `group`."""
        # The pipeline's versions begin at 0.
        body = json.dumps({"group": group, "from": max(asked.first, 0)}, separators=(",", ":"))
        self._sqs.send_message(
            QueueUrl=self._url,
            MessageBody=body,
            MessageGroupId=client,
            MessageDeduplicationId=deduplication_id(group, asked),
        )


def deduplication_id(group: str, asked: AskedReplay) -> str:
    """The same for the same gap, so that SQS drops what is asked twice within five minutes."""
    digest = hashlib.sha256(b"q")
    for part in (group, str(asked.first), asked.incarnation or "", asked.shown_by or ""):
        digest.update(len(part.encode()).to_bytes(8, "big") + part.encode())
    return digest.hexdigest()
