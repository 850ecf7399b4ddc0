"""A receiver of events: verifies each one, applies it once, and answers at once. Python 3.10 or later, nothing else."""

import base64
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# How old a request may be, in seconds, and how far ahead of this clock.
TOLERANCE = 300

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].strip().removeprefix("whsec_"))

# What is kept of each aggregate. In real life it is a row of a database, written in the transaction that applies the event.
aggregates = {}
lock = threading.Lock()


def is_signed(headers, body):
    """Standard Webhooks: one of the signatures is the one of id, time and body."""
    event_id, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent_at.isdecimal() or abs(int(sent_at) - time.time()) > TOLERANCE:
        return False
    code = hmac.new(KEY, f"{event_id}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(code).decode()
    # Compared in constant time.
    signatures = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(signature.encode(), expected.encode()) for signature in signatures)


def receive(headers, body):
    """The status to answer."""
    if not is_signed(headers, body):
        return 401  # The sender reads its secret again, and keeps the event.
    group, version = headers.get("event-group"), int(headers.get("event-version", "-1"))
    if group is None or version < 0:
        return 400
    event = json.loads(body)
    with lock:
        if "event-erased" in headers:
            # All that is kept of the aggregate goes. What comes next is of another incarnation.
            aggregates.pop(group, None)
            return 204
        incarnation = headers.get("event-incarnation")
        aggregate = aggregates.get(group)
        if aggregate is None or aggregate["incarnation"] != incarnation:
            aggregate = aggregates[group] = {"incarnation": incarnation, "version": None, "applied": 0}
        mine, previous = aggregate["version"], headers.get("event-previous-version")
        if mine is not None and version <= mine:
            return 204  # It had its effect: an answer was lost, or the event comes in a replay.
        if mine is not None and previous is not None and int(previous) > mine:
            # The sender doesn't leave out anything: what is missing was lost here. Ask an operator for a replay.
            print(f"{group}: events before version {version} are missing here", file=sys.stderr)
        apply(event)
        aggregate["version"], aggregate["applied"] = version, aggregate["applied"] + 1
    return 204


def apply(event):
    """Does what the event is for: quickly, or it is put in a queue of one's own."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        self.answer(receive(self.headers, body), b"")

    def do_GET(self):
        """What was applied, to look at."""
        with lock:
            shown = {group: {name: a[name] for name in ("version", "applied")} for group, a in aggregates.items()}
        self.answer(200, json.dumps(shown).encode())

    def answer(self, status, body):
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Handler)
    print(f"listening at {server.server_port}", flush=True)
    server.serve_forever()
