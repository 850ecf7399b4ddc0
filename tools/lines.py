#!/usr/bin/env python3
"""Counts the production code in Rust: per crate, without tests, comments and blank lines.

    tools/lines.py            a table; `tools/lines.py DIR` counts another checkout

Not production: `tests/`, `benches/`, `examples/`, `docs/`, files and modules under `#[cfg(test)]`, test support
(`testkit/`; before the redesign `harness/` and `shared/src/testing/`).
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|b?r(?P<hashes>\#*)".*?"(?P=hashes)|b?"(?:\\.|[^"\\])*"|b?'(?:\\.[^']*|[^'\\])'""", re.S
)
NOT_PRODUCTION = re.compile(
    r"(^|/)(tests|benches|examples)/|^(docs|harness|testkit)/|^shared/src/testing/|(^|/)(tests|samples)\.rs$"
)


def without_comments(text):
    """Comments become blanks; line breaks stay, also those inside of comments and strings."""

    def blank(match):
        token = match.group(0)
        return re.sub(r"[^\n]", " ", token) if token.startswith("/") else token

    return TOKEN.sub(blank, text)


def without_inline_tests(text):
    """Takes each item under `#[cfg(test)]` away, with its braces."""
    while match := re.search(r"#\[cfg\(test\)\]\s*", text):
        end = text.find(";", match.end())
        opened = text.find("{", match.end())
        if opened != -1 and (end == -1 or opened < end):
            depth, end = 0, opened
            for token in re.finditer(r"""b?r(?P<h>\#*)".*?"(?P=h)|b?"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^'\\])'|[{}]""", text[opened:], re.S):
                depth += {"{": 1, "}": -1}.get(token.group(0), 0)
                if depth == 0:
                    end = opened + token.start()
                    break
        text = text[: match.start()] + text[end + 1 :]
    return text


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
    listed = subprocess.run(["git", "-C", root, "ls-files", "*.rs"], check=True, capture_output=True, text=True)
    lines = Counter()
    for name in listed.stdout.splitlines():
        if not NOT_PRODUCTION.search(name):
            text = without_inline_tests(without_comments((root / name).read_text()))
            lines[name.split("/")[0]] += sum(1 for line in text.splitlines() if line.strip())
    for crate, count in sorted(lines.items()):
        print(f"{crate:<12}{count:>7}")
    print(f"{'all':<12}{sum(lines.values()):>7}")


if __name__ == "__main__":
    main()
