"""Prints the policies of an account as IAM has them: {"inline": {role: [policy]}, "managed": {name: policy}}.

Usage: policies.py ENDPOINT REGION
"""

import json
import sys

import boto3

endpoint, region = sys.argv[1:]
iam = boto3.client(
    "iam",
    endpoint_url=endpoint,
    region_name=region,
    aws_access_key_id="test",
    aws_secret_access_key="test",
)

inline = {}
for role in iam.list_roles()["Roles"]:
    names = iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
    inline[role["RoleName"]] = [
        iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"] for name in names
    ]

managed = {}
for policy in iam.list_policies(Scope="Local")["Policies"]:
    version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
    managed[policy["PolicyName"]] = version["PolicyVersion"]["Document"]

print(json.dumps({"inline": inline, "managed": managed}))
