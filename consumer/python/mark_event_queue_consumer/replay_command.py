"""The command that brings what is missing."""

from __future__ import annotations

import re
import shlex
from urllib.parse import unquote_to_bytes

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def replay_command(client: str, group: str, first: int) -> str:
    """The command with which an operator sends `client` what it lacks of `group`, from version `first` on.

    The operator's tool takes the aggregate's key, which its group shows but for a very long one: then `KEY` stands for it.
    """
    key = _key(group)
    word = "KEY" if key is None else shlex.quote(key)
    # The tool's versions begin at 0.
    return f"fanoutctl replay {shlex.quote(client)} --group {word} --from {max(first, 0)}"


def _key(group: str) -> str | None:
    """The key as the tool takes it: text, a number, or bytes as base64."""
    if group.startswith("~h"):
        return None
    if group.startswith("~b"):
        encoded = group.removeprefix("~b").replace("-", "+").replace("_", "/")
        return encoded + "=" * (-len(encoded) % 4)
    text = group.removeprefix("~n")
    if _BROKEN_ESCAPE.search(text):
        return None
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return None
