"""Asks an emulator's EventBridge about each row of a file of event patterns, and prints how it decides.

Usage: patterns.py ENDPOINT REGION ROWS.jsonl

A row is {"pattern": ..., "event": ..., "matches": ...}. Printed is a JSON list with an entry for each row, in order: true,
false, or the text of the error.
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError

endpoint, region, rows = sys.argv[1:]
events = boto3.client(
    "events",
    endpoint_url=endpoint,
    region_name=region,
    aws_access_key_id="test",
    aws_secret_access_key="test",
)

# What EventBridge wants every event to have. The row's event is its detail.
ENVELOPE = {
    "id": "1",
    "account": "000000000000",
    "source": "test",
    "time": "2026-01-01T00:00:00Z",
    "region": region,
    "resources": [],
    "detail-type": "test",
}


def decided(row):
    event = {**ENVELOPE, "detail": row["event"]}
    pattern = {"detail": row["pattern"]}
    try:
        return events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))["Result"]
    except ClientError as error:
        return str(error)


with open(rows, encoding="utf-8") as lines:
    print(json.dumps([decided(json.loads(line)) for line in lines]))
