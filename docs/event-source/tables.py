"""Makes the two tables of parcels, and prints the ARN of the event table's stream. Needs boto3."""

import boto3

dynamodb = boto3.client("dynamodb")


def make(table, keys, **more):
    """Makes a table with these keys, all of them texts."""
    names = {name for schema in [keys, *[index["keys"] for index in more.get("indexes", [])]] for name in schema}
    options = {name: value for name, value in more.items() if name != "indexes"}
    if "indexes" in more:
        options["GlobalSecondaryIndexes"] = [
            {"IndexName": index["name"], "KeySchema": schema(index["keys"]), "Projection": {"ProjectionType": "ALL"}}
            for index in more["indexes"]
        ]
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in sorted(names)],
        KeySchema=schema(keys),
        **options,
    )
    dynamodb.get_waiter("table_exists").wait(TableName=table)


def schema(keys):
    """Returns the key schema of a partition key and, perhaps, a sort key."""
    return [{"AttributeName": name, "KeyType": role} for name, role in zip(keys, ["HASH", "RANGE"])]


make("ParcelStates", ["key"])
dynamodb.update_time_to_live(
    TableName="ParcelStates", TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True}
)
make(
    "ParcelEvents",
    ["parcel", "movedAt"],
    indexes=[{"name": "ById", "keys": ["id"]}, {"name": "ByType", "keys": ["type", "movedAt"]}],
    StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
)
print(dynamodb.describe_table(TableName="ParcelEvents")["Table"]["LatestStreamArn"])
