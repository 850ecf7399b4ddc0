"""The kit for consumers: a batch of messages, taken by the rule that shows what is missing."""

from .handler import Consumed, Consumer, Counts
from .replay_command import replay_command
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
from .store import Effect, StateWrite, Store, Written

__all__ = [
    "AskedReplay",
    "Consumed",
    "Consumer",
    "ConsumerState",
    "Counts",
    "Effect",
    "InvalidState",
    "ReceivedMessage",
    "Settings",
    "Start",
    "StateWrite",
    "Store",
    "UnreadableAttribute",
    "Verdict",
    "Written",
    "decide",
    "replay_command",
]
