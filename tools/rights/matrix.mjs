// Who may do what in the deployed stack. Each row: principal, actions, resource, whether it is allowed.
//
// Resources are logical ids of template.yml, and the names that `check.mjs` gives to what is outside of the stack.

export const ALLOWED = true
export const DENIED = false

const QUEUES = ['FanOutQueue', 'RejectedQueue', 'QueueBilling', 'QueueInsurance']
const CLIENT_QUEUES = ['QueueBilling', 'QueueInsurance']
const EXTERNAL_QUEUES = ['external queue', 'external queue of this account']
const READ_QUEUE = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility']
const READ_TABLE = ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:Scan']
const WRITE_TABLE = ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem']
const READ_STREAM = ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator']
const TRACE = ['xray:PutTraceSegments', 'xray:PutTelemetryRecords']
const LOG = ['logs:CreateLogStream', 'logs:PutLogEvents']

// Everybody but the pipeline: with all rights that an account can give, and without.
const OTHERS = ['administrator', 'account root', 'other account', 'lambda service', 'sns service', 's3 service', 'eventbridge service']
const OPERATORS = ['watcher', 'inspector', 'resender', 'replayer', 'watcher of targets', 'tester of targets']
const WITHOUT_EVENTS = ['watcher', 'replayer', 'watcher of targets', 'tester of targets']

// What the functions' code calls, by the SDK's names, and the rights that it takes (Service Authorization Reference).
export const CALLS = {
  batch_get_item: ['dynamodb:BatchGetItem'],
  change_message_visibility_batch: ['sqs:ChangeMessageVisibility'],
  delete_item: ['dynamodb:DeleteItem'],
  get_item: ['dynamodb:GetItem'],
  put_item: ['dynamodb:PutItem'],
  query: ['dynamodb:Query'],
  scan: ['dynamodb:Scan'],
  send_message_batch: ['sqs:SendMessage'],
  transact_write_items: ['dynamodb:ConditionCheckItem', 'dynamodb:DeleteItem', 'dynamodb:PutItem']
}

// What delivers, and what of the ledger it may read, write, and leave alone.
const PUSH = ['push-http', 'push-aws']
const READ_IN_LEDGER = ['registry in the ledger', 'group in the ledger']
const WRITTEN_IN_LEDGER = ['deliveries in the ledger', 'requests of push in the ledger']
const STEERING_IN_LEDGER = ['cursors in the ledger', 'lease in the ledger', 'requests of consumers in the ledger']
const TARGETS = [
  [['lambda:InvokeFunction'], 'target function'],
  [['sns:Publish'], 'target topic'],
  [['events:PutEvents'], 'target bus'],
  [['kinesis:PutRecord'], 'target stream'],
  [['s3:PutObject', 's3:DeleteObject'], 'target object'],
  [['s3:ListBucket'], 'target bucket']
]

// How an operator sees that they are there, and how.
const LOOKS = [
  [['lambda:GetFunctionConfiguration'], 'target function'],
  [['sns:GetTopicAttributes'], 'target topic'],
  [['events:DescribeEventBus'], 'target bus'],
  [['kinesis:DescribeStreamSummary'], 'target stream'],
  [['s3:GetBucketVersioning'], 'target bucket']
]

const each = (principals, actions, resources, allowed) =>
  principals.flatMap((principal) => resources.map((resource) => [principal, actions, resource, allowed]))

export const ROWS = [
  // What the functions do.
  ['converter', READ_STREAM, 'stream', ALLOWED],
  ['converter', ['dynamodb:ListStreams'], '*', ALLOWED],
  ['converter', ['sqs:SendMessage'], 'FanOutQueue', ALLOWED],
  ['converter', ['sqs:SendMessage'], 'RejectedQueue', ALLOWED],
  ['converter', ['kms:GenerateDataKey', 'kms:Decrypt'], 'key, through SQS', ALLOWED],
  ['converter', ['s3:PutObject'], 'object of DiscardedRecords', ALLOWED],
  ['converter', ['s3:ListBucket'], 'DiscardedRecords', ALLOWED],
  ['converter', TRACE, '*', ALLOWED],
  ['converter', LOG, 'ProcessDynamoDBStreamLogs', ALLOWED],
  ['fan-out', [...READ_QUEUE, 'sqs:GetQueueAttributes'], 'FanOutQueue', ALLOWED],
  ...each(['fan-out'], ['sqs:SendMessage'], [...QUEUES, ...EXTERNAL_QUEUES], ALLOWED),
  ['fan-out', ['kms:GenerateDataKey', 'kms:Decrypt'], 'key of the external queue', ALLOWED],
  ['fan-out', ['kms:GenerateDataKey', 'kms:Decrypt'], 'key, through SQS', ALLOWED],
  ['fan-out', ['kms:Decrypt'], 'key, through DynamoDB', ALLOWED],
  [
    'fan-out',
    ['dynamodb:BatchGetItem', 'dynamodb:ConditionCheckItem', 'dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query'],
    'LedgerTable',
    ALLOWED
  ],
  ['fan-out', READ_TABLE, 'event table', ALLOWED],
  ['fan-out', TRACE, '*', ALLOWED],
  ...each(['fan-out'], LOG, ['FanOutLogs', 'CatchUpLogs'], ALLOWED),

  // What delivers to targets: each its own clients' queues, targets and secrets, and of the ledger its own items.
  ['push-http', [...READ_QUEUE, 'sqs:GetQueueAttributes'], 'QueueBilling', ALLOWED],
  ['push-aws', [...READ_QUEUE, 'sqs:GetQueueAttributes'], 'QueueInsurance', ALLOWED],
  ...each(PUSH, ['sqs:SendMessage'], ['RejectedQueue'], ALLOWED),
  ...each(PUSH, ['kms:GenerateDataKey', 'kms:Decrypt'], ['key, through SQS'], ALLOWED),
  ...each(PUSH, ['dynamodb:BatchGetItem', 'dynamodb:GetItem'], [...READ_IN_LEDGER, ...WRITTEN_IN_LEDGER], ALLOWED),
  ...each(PUSH, ['dynamodb:PutItem', 'dynamodb:DeleteItem', 'dynamodb:ConditionCheckItem'], WRITTEN_IN_LEDGER, ALLOWED),
  ...each(PUSH, TRACE, ['*'], ALLOWED),
  ['push-http', LOG, 'PushHttpLogs', ALLOWED],
  ['push-aws', LOG, 'PushAwsLogs', ALLOWED],
  ['push-http', ['secretsmanager:GetSecretValue'], 'webhook secret', ALLOWED],
  ['push-http', ['ssm:GetParameter'], 'webhook parameter', ALLOWED],
  ...each(['push-http'], ['kms:Decrypt'], ['key, through Secrets Manager', 'key, through Parameter Store'], ALLOWED),
  ...TARGETS.map(([actions, resource]) => ['push-aws', actions, resource, ALLOWED]),
  ...each(['push-aws'], ['kms:GenerateDataKey'], ['key, through SNS', 'key, through Kinesis', 'key, through S3'], ALLOWED),

  // What it must not do: the other's part, what the config does not name, and whatever steers the pipeline.
  ['push-http', READ_QUEUE, 'QueueInsurance', DENIED],
  ['push-aws', READ_QUEUE, 'QueueBilling', DENIED],
  ...each(PUSH, READ_QUEUE, ['QueueEnforcement', 'FanOutQueue', 'RejectedQueue', 'RequestsQueue', ...EXTERNAL_QUEUES], DENIED),
  ...each(PUSH, ['sqs:SendMessage'], ['FanOutQueue', 'RequestsQueue', ...CLIENT_QUEUES, ...EXTERNAL_QUEUES, 'foreign queue'], DENIED),
  ...each(PUSH, ['sqs:PurgeQueue', 'sqs:DeleteQueue', 'sqs:SetQueueAttributes'], [...QUEUES, 'RequestsQueue'], DENIED),
  ...each(PUSH, ['lambda:InvokeFunction', 'lambda:UpdateFunctionCode'], ['ProcessDynamoDBStream', 'FanOut', 'CatchUp', 'PushHttp', 'PushAws'], DENIED),
  ...each(PUSH, WRITE_TABLE, [...READ_IN_LEDGER, ...STEERING_IN_LEDGER, 'LedgerTable', 'event table'], DENIED),
  ...each(PUSH, ['dynamodb:BatchGetItem', 'dynamodb:GetItem'], [...STEERING_IN_LEDGER, 'LedgerTable'], DENIED),
  ...each(PUSH, ['dynamodb:Query', 'dynamodb:Scan', 'dynamodb:UpdateItem', 'dynamodb:BatchWriteItem'], [...WRITTEN_IN_LEDGER, 'LedgerTable'], DENIED),
  ...each(PUSH, READ_TABLE, ['event table'], DENIED),
  ...each(PUSH, READ_STREAM, ['stream'], DENIED),
  ...each(PUSH, ['iam:PutRolePolicy', 'iam:PassRole', 'iam:AttachRolePolicy'], ['FanOutRole', 'PushHttpRole', 'PushAwsRole'], DENIED),
  ...each(PUSH, ['sts:AssumeRole'], ['FanOutRole'], DENIED),
  ...each(PUSH, ['kms:Decrypt', 'kms:GenerateDataKey'], ['key, directly', 'key, through DynamoDB'], DENIED),
  ['push-http', LOG, 'PushAwsLogs', DENIED],
  ['push-aws', LOG, 'PushHttpLogs', DENIED],
  ['push-http', ['secretsmanager:GetSecretValue'], 'other secret', DENIED],
  ['push-http', ['secretsmanager:PutSecretValue', 'secretsmanager:DescribeSecret'], 'webhook secret', DENIED],
  ['push-http', ['ssm:GetParameter'], 'other parameter', DENIED],
  ['push-http', ['ssm:PutParameter', 'ssm:GetParametersByPath'], 'webhook parameter', DENIED],
  ...TARGETS.map(([actions, resource]) => ['push-http', actions, resource, DENIED]),
  ...each(['push-http'], ['kms:GenerateDataKey', 'kms:Decrypt'], ['key, through SNS', 'key, through Kinesis', 'key, through S3'], DENIED),
  ...TARGETS.map(([actions, resource]) => ['push-aws', actions, resource.replace('target', 'other'), DENIED]),
  // Its owner has to allow it, too.
  ['push-aws', ['sns:Publish'], 'target topic of another account', DENIED],
  ['push-aws', ['secretsmanager:GetSecretValue'], 'webhook secret', DENIED],
  ['push-aws', ['ssm:GetParameter'], 'webhook parameter', DENIED],
  ...each(['push-aws'], ['kms:Decrypt'], ['key, through Secrets Manager', 'key, through Parameter Store', 'key, through S3'], DENIED),
  ['push-aws', ['s3:GetObject', 's3:PutObjectAcl'], 'target object', DENIED],
  ['push-aws', ['sns:Subscribe', 'sns:SetTopicAttributes'], 'target topic', DENIED],
  ['push-aws', ['kinesis:GetRecords', 'kinesis:PutRecords'], 'target stream', DENIED],
  ['push-http in clear text', READ_QUEUE, 'QueueBilling', DENIED],
  ['push-http in clear text', ['sqs:SendMessage'], 'RejectedQueue', DENIED],

  // What consumers ask for: the roles that the stack names, of this account and of another.
  ...each(['asking role', 'asking role of another account'], ['sqs:SendMessage'], ['RequestsQueue'], ALLOWED),
  ['fan-out', [...READ_QUEUE, 'sqs:GetQueueAttributes'], 'RequestsQueue', ALLOWED],
  ...each(['asking role', 'asking role of another account'], ['sqs:SendMessage'], QUEUES, DENIED),
  ...each(['asking role', 'asking role of another account'], READ_QUEUE, ['RequestsQueue', 'FanOutQueue', 'RejectedQueue'], DENIED),
  ...each(
    ['asking role in clear text', 'asking role without rights', 'role like an asking one', 'role like one of another account', 'converter', 'fan-out', ...OTHERS, ...OPERATORS],
    ['sqs:SendMessage'],
    ['RequestsQueue'],
    DENIED
  ),
  ...each(['converter', 'other account', 'role without rights', ...OPERATORS], READ_QUEUE, ['RequestsQueue'], DENIED),
  ['fan-out', ['sqs:PurgeQueue', 'sqs:DeleteQueue', 'sqs:SetQueueAttributes'], 'RequestsQueue', DENIED],

  // What the functions must not do.
  ...each(['converter'], ['sqs:SendMessage'], [...CLIENT_QUEUES, ...EXTERNAL_QUEUES, 'foreign queue'], DENIED),
  ...each(['converter'], READ_QUEUE, QUEUES, DENIED),
  ...each(['converter'], [...READ_TABLE, ...WRITE_TABLE], ['event table', 'LedgerTable'], DENIED),
  ...each(['converter', 'fan-out'], ['kms:Decrypt', 'kms:GenerateDataKey'], ['key, directly'], DENIED),
  ...each(['converter', 'fan-out'], ['s3:GetObject', 's3:DeleteObject'], ['object of DiscardedRecords'], DENIED),
  ...each(['converter', 'fan-out'], ['lambda:InvokeFunction', 'lambda:UpdateFunctionCode'], ['ProcessDynamoDBStream', 'FanOut', 'CatchUp'], DENIED),
  ...each(['converter', 'fan-out'], ['iam:PutRolePolicy', 'iam:PassRole'], ['FanOutRole', 'ProcessDynamoDBStreamRole'], DENIED),
  ...each(['fan-out'], READ_QUEUE, [...CLIENT_QUEUES, 'RejectedQueue', ...EXTERNAL_QUEUES], DENIED),
  ...each(['fan-out'], ['sqs:PurgeQueue', 'sqs:DeleteQueue', 'sqs:SetQueueAttributes'], QUEUES, DENIED),
  ['fan-out', ['sqs:SendMessage'], 'foreign queue', DENIED],
  ['fan-out', WRITE_TABLE, 'event table', DENIED],
  ['fan-out', READ_STREAM, 'stream', DENIED],

  // A forged event, whoever sends it.
  ...each([...OTHERS, ...OPERATORS], ['sqs:SendMessage'], QUEUES, DENIED),

  // A read of a queue from outside of the account, and by people whose policies don't say so.
  ...each(['other account', 'lambda service', 'sns service', 's3 service', 'eventbridge service', 'role without rights'], READ_QUEUE, QUEUES, DENIED),
  ...each(OPERATORS, READ_QUEUE, CLIENT_QUEUES, DENIED),
  ...each(['other account'], READ_TABLE, ['LedgerTable', 'event table'], DENIED),
  ...each(['other account'], ['s3:GetObject'], ['object of DiscardedRecords'], DENIED),

  // In clear text, also by who may do it.
  ...each(['administrator in clear text'], [...READ_QUEUE, 'sqs:GetQueueAttributes'], QUEUES, DENIED),
  ...each(['fan-out in clear text', 'converter in clear text'], ['sqs:SendMessage'], [...QUEUES, 'external queue'], DENIED),
  ['fan-out in clear text', READ_QUEUE, 'FanOutQueue', DENIED],
  ['converter in clear text', ['s3:PutObject'], 'object of DiscardedRecords', DENIED],

  // Who may be the roles: Lambda, for this account.
  ...each(['lambda service'], ['sts:AssumeRole'], ['FanOutRole', 'ProcessDynamoDBStreamRole', 'PushHttpRole', 'PushAwsRole'], ALLOWED),
  ...each(
    ['lambda service for another account', 'other account', 'sns service', 'role without rights'],
    ['sts:AssumeRole'],
    ['FanOutRole', 'ProcessDynamoDBStreamRole', 'PushHttpRole', 'PushAwsRole'],
    DENIED
  ),

  // The operators' policies.
  ...each(OPERATORS, ['cloudformation:DescribeStacks', 'cloudformation:GetTemplate'], ['stack'], ALLOWED),
  ...each(OPERATORS, ['sqs:GetQueueAttributes', 'sqs:GetQueueUrl'], [...QUEUES, 'external queue of this account'], ALLOWED),
  // What another account's queue looks like is its owner's affair; `check` says that it can't be seen.
  ...each(OPERATORS, ['sqs:GetQueueAttributes', 'sqs:ReceiveMessage', 'sqs:SendMessage'], ['external queue'], DENIED),
  ...each(OPERATORS, ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query', 'dynamodb:Scan', 'dynamodb:DescribeTable', 'dynamodb:DescribeContinuousBackups'], ['LedgerTable'], ALLOWED),
  ...each(OPERATORS, ['dynamodb:DescribeTable', 'dynamodb:DescribeTimeToLive'], ['event table'], ALLOWED),
  ...each(OPERATORS, ['lambda:ListEventSourceMappings', 'cloudwatch:GetMetricData'], ['*'], ALLOWED),
  ...each(OPERATORS, ['lambda:GetFunctionConfiguration'], ['CatchUp'], ALLOWED),
  ...each(OPERATORS, ['kms:DescribeKey'], ['key, directly'], ALLOWED),
  ...each(OPERATORS, ['s3:GetObject'], ['package of the fan-out'], ALLOWED),
  ...each(OPERATORS, ['s3:PutObject', 's3:DeleteObject'], ['package of the fan-out'], DENIED),
  ...each(OPERATORS, [...WRITE_TABLE], ['LedgerTable', 'event table'], DENIED),
  ...each(['inspector', 'resender'], ['sqs:ReceiveMessage', 'sqs:ChangeMessageVisibility'], ['RejectedQueue'], ALLOWED),
  ...each(['inspector', 'resender'], READ_TABLE, ['event table'], ALLOWED),
  ...each(['inspector', 'resender'], ['kms:Decrypt'], ['key, through SQS', 'key, through DynamoDB'], ALLOWED),
  ...each(WITHOUT_EVENTS, READ_QUEUE, ['RejectedQueue'], DENIED),
  ...each(WITHOUT_EVENTS, READ_TABLE, ['event table'], DENIED),
  ...each(WITHOUT_EVENTS, ['kms:Decrypt'], ['key, through SQS', 'key, through DynamoDB', 'key, directly'], DENIED),
  ...each(OPERATORS, READ_QUEUE, ['FanOutQueue'], DENIED),
  ['resender', ['sqs:DeleteMessage'], 'RejectedQueue', ALLOWED],
  ['resender', ['lambda:InvokeFunction'], 'ProcessDynamoDBStream', ALLOWED],
  ['replayer', ['lambda:InvokeFunction'], 'CatchUp', ALLOWED],
  ...each(['watcher', 'inspector'], ['lambda:InvokeFunction'], ['ProcessDynamoDBStream', 'FanOut', 'CatchUp', 'PushHttp', 'PushAws'], DENIED),
  ['inspector', ['sqs:DeleteMessage'], 'RejectedQueue', DENIED],
  ...each(['resender'], ['lambda:InvokeFunction'], ['FanOut', 'CatchUp'], DENIED),
  ...each(['replayer'], ['lambda:InvokeFunction'], ['ProcessDynamoDBStream', 'FanOut', 'PushHttp', 'PushAws'], DENIED),

  // Who looks at targets: at those of the config, without using them, and at secrets without reading them.
  ...LOOKS.map(([actions, resource]) => ['watcher of targets', actions, resource, ALLOWED]),
  ...LOOKS.map(([actions, resource]) => ['watcher of targets', actions, resource.replace('target', 'other'), DENIED]),
  ...LOOKS.map(([actions, resource]) => ['watcher', actions, resource, DENIED]),
  ...TARGETS.flatMap(([actions, resource]) => each(OPERATORS, actions, [resource], DENIED)),
  ['watcher of targets', ['secretsmanager:DescribeSecret'], 'webhook secret', ALLOWED],
  ['watcher of targets', ['ssm:ListTagsForResource'], 'webhook parameter', ALLOWED],
  ['watcher of targets', ['secretsmanager:DescribeSecret'], 'other secret', DENIED],
  ['watcher of targets', ['ssm:ListTagsForResource'], 'other parameter', DENIED],
  ...each(OPERATORS, ['secretsmanager:GetSecretValue'], ['webhook secret'], DENIED),
  ...each(OPERATORS, ['ssm:GetParameter', 'ssm:GetParameters', 'ssm:GetParameterHistory'], ['webhook parameter'], DENIED),
  ...each(['watcher of targets'], ['lambda:InvokeFunction'], ['ProcessDynamoDBStream', 'FanOut', 'CatchUp', 'PushHttp', 'PushAws'], DENIED),

  // Who tests targets does it by the functions that deliver.
  ...each(['tester of targets'], ['lambda:InvokeFunction'], ['PushHttp', 'PushAws'], ALLOWED),
  ...each(['tester of targets'], ['lambda:InvokeFunction'], ['ProcessDynamoDBStream', 'FanOut', 'CatchUp'], DENIED)
]
