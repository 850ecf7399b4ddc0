// Who may do what in the companion's stack. Rows as in matrix.mjs; resources are logical ids of api/template.yml, perhaps with
// what follows in an ARN.

import { ALLOWED, DENIED } from './matrix.mjs'

const READ_QUEUE = ['sqs:ReceiveMessage', 'sqs:DeleteMessage']
const LOG = ['logs:CreateLogStream', 'logs:PutLogEvents']
const TRACE = ['xray:PutTraceSegments', 'xray:PutTelemetryRecords']
const OWN = ['EventTable', 'StateTable']
const OTHERS = ['OtherEventTable', 'OtherStateTable']
const FUNCTIONS = ['api', 'append-events']
const NEVER = ['dynamodb:UpdateItem', 'dynamodb:BatchWriteItem', 'dynamodb:DeleteTable', 'dynamodb:UpdateTable', 'dynamodb:PartiQLUpdate']

const each = (principals, actions, resources, allowed) =>
  principals.flatMap((principal) => resources.map((resource) => [principal, actions, resource, allowed]))

export const API_ROWS = [
  // Marks: events come and are erased, and none is changed.
  ['api', ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:DeleteItem'], 'EventTable', ALLOWED],
  ...each(['api'], ['dynamodb:Query'], ['EventTable/index/EventId', 'EventTable/index/EventName'], ALLOWED),
  [
    'api',
    ['dynamodb:GetItem', 'dynamodb:Scan', 'dynamodb:PutItem', 'dynamodb:DeleteItem', 'dynamodb:ConditionCheckItem'],
    'StateTable',
    ALLOWED
  ],
  ['api', LOG, 'ApiLogs', ALLOWED],
  ['append-events', LOG, 'AppendEventsLogs', ALLOWED],
  ...each(FUNCTIONS, TRACE, ['*'], ALLOWED),
  ['api', ['dynamodb:Scan'], 'EventTable', DENIED],
  ...each(FUNCTIONS, NEVER, [...OWN, ...OTHERS], DENIED),

  // Other aggregates: events are appended, by both functions.
  ...each(FUNCTIONS, ['dynamodb:GetItem', 'dynamodb:PutItem'], OTHERS, ALLOWED),
  ...each(FUNCTIONS, ['dynamodb:ConditionCheckItem'], ['OtherStateTable'], ALLOWED),
  ...each(FUNCTIONS, ['dynamodb:DeleteItem', 'dynamodb:Query', 'dynamodb:Scan'], OTHERS, DENIED),
  ['append-events', [...READ_QUEUE, 'sqs:GetQueueAttributes'], 'EventQueue', ALLOWED],
  ['append-events', ['sqs:SendMessage'], 'RejectedEvents', ALLOWED],

  // What takes messages reaches no mark; what answers to HTTP reaches no queue; neither goes further.
  ...each(
    ['append-events'],
    ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:Scan', 'dynamodb:PutItem', 'dynamodb:DeleteItem', 'dynamodb:ConditionCheckItem'],
    OWN,
    DENIED
  ),
  ...each(['api'], [...READ_QUEUE, 'sqs:SendMessage'], ['EventQueue', 'RejectedEvents'], DENIED),
  ['append-events', ['sqs:SendMessage', 'sqs:PurgeQueue', 'sqs:SetQueueAttributes'], 'EventQueue', DENIED],
  ['append-events', READ_QUEUE, 'RejectedEvents', DENIED],
  ...each(FUNCTIONS, ['lambda:InvokeFunction', 'lambda:UpdateFunctionCode'], ['Api', 'AppendEvents'], DENIED),
  ...each(FUNCTIONS, ['iam:PassRole', 'iam:PutRolePolicy'], ['ApiRole', 'AppendEventsRole'], DENIED),
  ['api', LOG, 'AppendEventsLogs', DENIED],
  ['append-events', LOG, 'ApiLogs', DENIED],

  // Who sends events, and who sends rejections: the function alone.
  ['producer', ['sqs:SendMessage'], 'EventQueue', ALLOWED],
  ['producer', READ_QUEUE, 'EventQueue', DENIED],
  ...each(['producer', 'administrator', 'other account'], ['sqs:SendMessage'], ['RejectedEvents'], DENIED),
  ['producer in clear text', ['sqs:SendMessage'], 'EventQueue', DENIED],
  ['append-events in clear text', READ_QUEUE, 'EventQueue', DENIED],
  ...each(['other account'], ['sqs:SendMessage', ...READ_QUEUE], ['EventQueue'], DENIED),
  ...each(['other account'], ['dynamodb:GetItem', 'dynamodb:PutItem'], [...OWN, ...OTHERS], DENIED),

  // Who may be the roles: Lambda, for this account.
  ...each(['lambda service'], ['sts:AssumeRole'], ['ApiRole', 'AppendEventsRole'], ALLOWED),
  ...each(['lambda service for another account', 'other account'], ['sts:AssumeRole'], ['ApiRole', 'AppendEventsRole'], DENIED)
]
