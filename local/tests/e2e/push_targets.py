"""Targets of push clients on MiniStack: makes them, and prints what arrived at each.

    targets.py make DIRECTORY        the targets; prints the ARN of the webhook's secret
    targets.py read DIRECTORY        what has arrived since the last read, one JSON object per line: {"target", "text"}

The function writes what it gets into DIRECTORY, line by line.
"""

import io
import json
import os
import sys
import zipfile

import boto3

REGION, ACCOUNT = os.environ["AWS_REGION"], "000000000000"
FUNCTION = """
import json
def handler(event, context):
    with open({path!r}, "a") as file:
        file.write(json.dumps(event) + "\\n")
"""


def client(service):
    return boto3.client(service, region_name=REGION)


def make(directory):
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", FUNCTION.format(path=os.path.join(directory, "function.jsonl")))
    client("lambda").create_function(
        FunctionName="target",
        Runtime="python3.12",
        Handler="index.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/target",
        Code={"ZipFile": code.getvalue()},
    )
    sqs, sns, events = client("sqs"), client("sns"), client("events")
    topic = sns.create_topic(Name="target.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    events.create_event_bus(Name="target")
    events.put_rule(Name="all", EventBusName="target", EventPattern=json.dumps({"source": ["mark-event-queue"]}))
    for name, attributes in [("from-topic.fifo", {"FifoQueue": "true"}), ("from-bus", {})]:
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        if name.endswith(".fifo"):
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
        else:
            events.put_targets(Rule="all", EventBusName="target", Targets=[{"Id": "queue", "Arn": arn}])
    client("kinesis").create_stream(StreamName="target", ShardCount=1)
    client("s3").create_bucket(Bucket="target", CreateBucketConfiguration={"LocationConstraint": REGION})
    secret = client("secretsmanager").create_secret(Name="webhook", SecretString=sys.argv[3])
    print(secret["ARN"])


def read(directory):
    path = os.path.join(directory, "function.jsonl")
    if os.path.exists(path):
        for line in open(path):
            show("Function", line)
    for target, queue in [("Topic", "from-topic.fifo"), ("Bus", "from-bus")]:
        for text in received(queue):
            show(target, text if target == "Topic" else json.dumps(json.loads(text)["detail"]))
    kinesis = client("kinesis")
    shard = kinesis.list_shards(StreamName="target")["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName="target", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    for record in kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]:
        show("Stream", record["Data"].decode())
    s3 = client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="target"):
        for found in page.get("Contents", []):
            show("Bucket", s3.get_object(Bucket="target", Key=found["Key"])["Body"].read().decode())


def received(queue):
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            yield message["Body"]
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def show(target, text):
    print(json.dumps({"target": target, "text": text}))


{"make": make, "read": read}[sys.argv[1]](sys.argv[2])
