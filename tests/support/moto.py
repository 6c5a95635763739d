"""What the tests set up in moto, and ask it. Usage: moto.py ADDRESS set-up POLICY | moto.py ADDRESS repository ID SECRET NAME"""

import json
import sys

import boto3

REGION = "eu-west-1"


def client(service, address, key="none", secret="none"):
    return boto3.client(
        service,
        endpoint_url=address,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )


def set_up(address, policy):
    """Makes a user and a role that may do what the policy says, and a user who may do everything. Each call counts: the server asks
    nobody for a signature until as many were made as it was told."""
    iam = client("iam", address)
    everything = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    answer = {}
    for name, document in [("publisher", policy), ("admin", everything)]:
        user = iam.create_user(UserName=name)["User"]
        iam.put_user_policy(UserName=name, PolicyName="policy", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        answer[name] = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    # The last of them may take on the role.
    trusted = {"Effect": "Allow", "Principal": {"AWS": user["Arn"]}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    role = iam.create_role(RoleName="publish", AssumeRolePolicyDocument=trust)["Role"]
    iam.put_role_policy(RoleName="publish", PolicyName="policy", PolicyDocument=policy)
    answer["role"] = role["Arn"]
    return answer


def repository(address, key, secret, name):
    found = client("ecr", address, key, secret).describe_repositories(repositoryNames=[name])
    return {name: value for name, value in found["repositories"][0].items() if name != "createdAt"}


address, command, *rest = sys.argv[1:]
print(json.dumps({"set-up": set_up, "repository": repository}[command](address, *rest)))
