"""The kit for consumers: a batch of messages, taken by the rule that shows what is missing."""

from .handler import BatchOutcome, Consumer, Counts
from .replay_command import replay_command
from .request_queue import RequestQueue
from .rule import (
    AskedReplay,
    ConsumerState,
    InvalidState,
    ReceivedMessage,
    Settings,
    Start,
    UnreadableAttribute,
    Verdict,
    decide,
)
from .store import Effect, StateWrite, Store, WriteOutcome

__all__ = [
    "AskedReplay",
    "BatchOutcome",
    "Consumer",
    "ConsumerState",
    "Counts",
    "Effect",
    "InvalidState",
    "ReceivedMessage",
    "RequestQueue",
    "Settings",
    "Start",
    "StateWrite",
    "Store",
    "UnreadableAttribute",
    "Verdict",
    "WriteOutcome",
    "decide",
    "replay_command",
]
