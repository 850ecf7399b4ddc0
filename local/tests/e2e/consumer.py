"""A client's consumer as a team would write it: receives, checks the order of each mark's events, deletes.

Usage: consumer.py ENDPOINT REGION QUEUE_URL EXPECTED
Ends when it has EXPECTED events, or when 60 s pass without one.
"""

import json
import sys
import time

import boto3

endpoint, region, queue_url, expected = sys.argv[1:]
sqs = boto3.client(
    "sqs",
    endpoint_url=endpoint,
    region_name=region,
    aws_access_key_id="test",
    aws_secret_access_key="test",
)

versions = {}
received = 0
last_news = time.monotonic()
while received < int(expected) and time.monotonic() - last_news < 60:
    answer = sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=5,
        MessageAttributeNames=["All"],
    )
    for message in answer.get("Messages", []):
        event = json.loads(message["Body"])
        mark, version = event["mark"], event["RegistrationNumber"]["version"]
        if version != versions.get(mark, 0) + 1:
            sys.exit(f"version {version} of `{mark}` after version {versions.get(mark, 0)}")
        if message["MessageAttributes"]["version"] != {"DataType": "Number", "StringValue": str(version)}:
            sys.exit(f"version {version} of `{mark}` has the attribute {message['MessageAttributes']['version']}")
        if not event["RegistrationNumber"]["entitlement"]["nomineeName"].endswith(" – Größe"):
            sys.exit(f"version {version} of `{mark}` has lost characters: {event}")
        versions[mark] = version
        received += 1
        last_news = time.monotonic()
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])

print(f"{received} events of {len(versions)} marks, each mark's in order")
sys.exit(received != int(expected))
