// Asks a simulator of IAM about every row of matrix.mjs and api.mjs, and ends with 1 if one is decided otherwise.
//
// Usage: node check.mjs EXPANDED.json API.json POLICIES SOURCE…
// EXPANDED, API: template.yml and api/template.yml as tools/control_plane.py writes them. POLICIES: the folder of what
// `fanoutctl policy` prints, which cli's tests compare. SOURCE: the files whose calls to AWS the functions make.

import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'
import { API_ROWS } from './api.mjs'
import { ALLOWED, CALLS, ROWS } from './matrix.mjs'
import { ACCOUNT, REGION, Stack } from './stack.mjs'

const OTHER_ACCOUNT = '210987654321'
const ADMINISTRATOR = [{ name: 'all', policy: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } }]
const [expanded, api, policies, ...sources] = process.argv.slice(2)
const json = (path) => JSON.parse(readFileSync(path))
const printed = (name) => json(`${policies}/${name}.json`)
const stack = new Stack(json(expanded))
const companion = new Stack(json(api))

// A policy of a table or a function leaves the decision to the account, as does a key's by default.
const keyPolicy = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'kms:*', Resource: '*' }]
}
const key = (service) => ({
  arn: `arn:aws:kms:${REGION}:${ACCOUNT}:key/mrk-1234abcd12ab34cd56ef1234567890ab`,
  policy: keyPolicy,
  context: service ? { 'kms:ViaService': `${service}.${REGION}.amazonaws.com` } : {}
})
const table = `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/Events`
const ledger = (leadingKey) => ({ arn: stack.arn('LedgerTable'), context: { 'dynamodb:LeadingKeys': [leadingKey] } })
// A target of a push client, of this account, and what is like it but is none.
const target = (service, resource) => ({ arn: `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}` })
const OUTSIDE = {
  '*': { arn: '*' },
  'registry in the ledger': ledger('registry'),
  'group in the ledger': ledger('group#AFC_20F5'),
  'cursors in the ledger': ledger('behind#1'),
  'lease in the ledger': ledger('lease#1'),
  'deliveries in the ledger': ledger('push#1#AFC_20F5'),
  'requests of push in the ledger': ledger('push#1'),
  'requests of consumers in the ledger': ledger('requests#1'),
  'webhook secret': target('secretsmanager', 'secret:webhooks/billing-AbCdEf'),
  'other secret': target('secretsmanager', 'secret:webhooks/billing-GhIjKl'),
  'webhook parameter': target('ssm', 'parameter/webhooks/billing'),
  'other parameter': target('ssm', 'parameter/webhooks/billing2'),
  'target function': target('lambda', 'function:orders'),
  'other function': target('lambda', 'function:orders2'),
  'target topic': target('sns', 'orders.fifo'),
  'other topic': target('sns', 'orders'),
  'target bus': target('events', 'event-bus/orders'),
  'other bus': target('events', 'event-bus/default'),
  'target stream': target('kinesis', 'stream/orders'),
  'other stream': target('kinesis', 'stream/orders2'),
  'target object': { arn: `arn:aws:s3:::orders-${ACCOUNT}/marks/AFC_20F5/1.json` },
  'other object': { arn: `arn:aws:s3:::orders-${ACCOUNT}/invoices/1.json` },
  'target bucket': { arn: `arn:aws:s3:::orders-${ACCOUNT}` },
  'other bucket': { arn: 'arn:aws:s3:::invoices' },
  'target topic of another account': { arn: `arn:aws:sns:${REGION}:${OTHER_ACCOUNT}:orders.fifo`, account: OTHER_ACCOUNT },
  stack: { arn: `arn:aws:cloudformation:${REGION}:${ACCOUNT}:stack/mark-event-queue/1` },
  stream: { arn: `${table}/stream/2026-01-01T00:00:00.000` },
  'event table': { arn: table },
  'external queue': {
    arn: `arn:aws:sqs:${REGION}:${OTHER_ACCOUNT}:orders.fifo`,
    policy: printed('existing_queue'),
    account: OTHER_ACCOUNT
  },
  'key of the external queue': {
    arn: `arn:aws:kms:${REGION}:${OTHER_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab`,
    policy: { Version: '2012-10-17', Statement: [printed('key_statement')] },
    account: OTHER_ACCOUNT,
    context: { 'kms:ViaService': `sqs.${REGION}.amazonaws.com` }
  },
  'external queue of this account': { arn: `arn:aws:sqs:${REGION}:${ACCOUNT}:orders.fifo` },
  'foreign queue': { arn: `arn:aws:sqs:${REGION}:${ACCOUNT}:MarkFanOutClientForeign.fifo` },
  'key, through SQS': key('sqs'),
  'key, through Secrets Manager': key('secretsmanager'),
  'key, through Parameter Store': key('ssm'),
  'key, through SNS': key('sns'),
  'key, through Kinesis': key('kinesis'),
  'key, through S3': key('s3'),
  'key, through DynamoDB': key('dynamodb'),
  'key, directly': key(),
  'object of DiscardedRecords': {
    arn: `${stack.arn('DiscardedRecords')}/aws/lambda/1`,
    policy: stack.resourcePolicy('DiscardedRecords')
  },
  'package of the fan-out': { arn: `arn:aws:s3:::mark-event-queue-packages-${ACCOUNT}-${REGION}/fanout/1.zip` }
}

function session(logicalId, of = stack) {
  const role = of.arn(logicalId)
  return {
    principal: `arn:aws:sts::${ACCOUNT}:assumed-role/${role.split('/').pop()}/session`,
    identityPolicies: of.rolePolicies(logicalId),
    context: { 'aws:PrincipalArn': role, 'aws:PrincipalAccount': ACCOUNT }
  }
}

function role(name, identityPolicies, account = ACCOUNT) {
  return {
    principal: `arn:aws:sts::${account}:assumed-role/${name}/session`,
    identityPolicies,
    context: { 'aws:PrincipalArn': `arn:aws:iam::${account}:role/${name}`, 'aws:PrincipalAccount': account }
  }
}

function operator(...managed) {
  const of = (id) => ({ name: id, policy: stack.resource(id).Properties.PolicyDocument })
  return role('Operator', managed.map(of))
}

function service(name, account = ACCOUNT) {
  return {
    principal: `${name}.amazonaws.com`,
    identityPolicies: [],
    context: { 'aws:SourceAccount': account, 'aws:PrincipalServiceName': `${name}.amazonaws.com`, 'aws:PrincipalIsAWSService': 'true' }
  }
}

const inClearText = (principal) => ({ ...principal, context: { ...principal.context, 'aws:SecureTransport': 'false' } })
// The roles that `every option` names, and roles whose names begin as theirs do.
const sending = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'sqs:SendMessage', Resource: stack.arn('RequestsQueue') }] }
const converter = session('ProcessDynamoDBStreamRole')
const fanOut = session('FanOutRole')
const pushHttp = session('PushHttpRole')
const pushAws = session('PushAwsRole')
const administrator = role('Administrator', ADMINISTRATOR)
const PRINCIPALS = {
  converter,
  'converter in clear text': inClearText(converter),
  'fan-out': fanOut,
  'push-http': pushHttp,
  'push-aws': pushAws,
  'push-http in clear text': inClearText(pushHttp),
  'fan-out in clear text': inClearText(fanOut),
  administrator,
  'administrator in clear text': inClearText(administrator),
  'role without rights': role('Other', []),
  'asking role': role('billing-consumer', [{ name: 'ask', policy: sending }]),
  'asking role of another account': role('teams/tolls-consumer', [{ name: 'ask', policy: sending }], OTHER_ACCOUNT),
  'asking role in clear text': inClearText(role('billing-consumer', [{ name: 'ask', policy: sending }])),
  'asking role without rights': role('teams/tolls-consumer', [], OTHER_ACCOUNT),
  'role like an asking one': role('billing-consumer-2', ADMINISTRATOR),
  'role like one of another account': role('tolls-consumer', ADMINISTRATOR, OTHER_ACCOUNT),
  'account root': {
    principal: `arn:aws:iam::${ACCOUNT}:root`,
    identityPolicies: [],
    context: { 'aws:PrincipalArn': `arn:aws:iam::${ACCOUNT}:root`, 'aws:PrincipalAccount': ACCOUNT }
  },
  'other account': role('MarkFanOut-eu-west-2', ADMINISTRATOR, '999999999999'),
  'lambda service': service('lambda'),
  'lambda service for another account': service('lambda', '999999999999'),
  'sns service': service('sns'),
  's3 service': service('s3'),
  'eventbridge service': service('events'),
  watcher: operator('WatchPolicy'),
  inspector: operator('WatchPolicy', 'InspectPolicy'),
  resender: operator('WatchPolicy', 'InspectPolicy', 'ResendPolicy'),
  replayer: operator('WatchPolicy', 'ReplayPolicy'),
  'watcher of targets': operator('WatchPolicy', 'WatchTargetsPolicy', 'WatchSecretsPolicy'),
  'tester of targets': operator('WatchPolicy', 'PushTestPolicy')
}

// The functions of the companion, and who isn't one.
const producing = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'sqs:SendMessage', Resource: companion.arn('EventQueue') }] }
const API_PRINCIPALS = {
  api: session('ApiRole', companion),
  'append-events': session('AppendEventsRole', companion),
  'append-events in clear text': inClearText(session('AppendEventsRole', companion)),
  producer: role('orders', [{ name: 'produce', policy: producing }]),
  'producer in clear text': inClearText(role('orders', [{ name: 'produce', policy: producing }])),
  administrator,
  'other account': PRINCIPALS['other account'],
  'lambda service': PRINCIPALS['lambda service'],
  'lambda service for another account': PRINCIPALS['lambda service for another account']
}

function resource(name, of) {
  if (name in OUTSIDE) return OUTSIDE[name]
  const [id, ...index] = name.split('/')
  const { Type, Properties } = of.resource(id)
  return {
    arn: [of.arn(id), ...index].join('/'),
    policy: Type === 'AWS::IAM::Role' ? Properties.AssumeRolePolicyDocument : of.resourcePolicy(id)
  }
}

let wrong = 0
let asked = 0

// What is printed for a queue of the stack's own is what the template gives it.
const written = (policy) =>
  JSON.stringify({ ...policy, Statement: policy.Statement.map((statement) => ({ ...statement, Action: [statement.Action].flat() })) })
if (written(printed('own_queue')) !== written(stack.resourcePolicy('QueueBilling'))) {
  wrong += 1
  console.error('own_queue.json is not the policy of QueueBilling')
}

// Every call of the code has its row, and every row of CALLS its call.
const called = new Set(
  sources.flatMap((path) => [...readFileSync(path, 'utf8').matchAll(/\.([a-z]+(?:_[a-z]+)*)\(\)/g)].map((call) => call[1]))
)
const known = new Set(ROWS.filter((row) => row[3] === ALLOWED).flatMap((row) => row[1]))
for (const [call, actions] of Object.entries(CALLS)) {
  const missing = actions.filter((action) => !known.has(action))
  if (!called.has(call) || missing.length) {
    wrong += 1
    console.error(`${call}: ${called.has(call) ? `no row of the matrix allows ${missing}` : 'no function calls it'}`)
  }
}
const VERB = /^(batch|change|create|delete|describe|execute|get|invoke|list|put|query|receive|scan|send|tag|transact|update)(_|$)/
for (const call of called) {
  if (VERB.test(call) && /(item|items|batch|message|queue_url|attributes|table|query|scan)$/.test(call) && !(call in CALLS)) {
    wrong += 1
    console.error(`${call}: called, but matrix.mjs does not say which right it takes`)
  }
}
const rows = [
  ...ROWS.map((row) => [...row, PRINCIPALS, stack]),
  ...API_ROWS.map((row) => [...row, API_PRINCIPALS, companion])
]
for (const [who, actions, what, expected, principals, of] of rows) {
  const { principal, identityPolicies, context } = principals[who]
  const on = resource(what, of)
  for (const action of actions) {
    asked += 1
    const answer = await runSimulation(
      {
        request: {
          principal,
          action,
          resource: { resource: on.arn, accountId: on.account ?? ACCOUNT },
          contextVariables: { 'aws:SecureTransport': 'true', ...on.context, ...context }
        },
        identityPolicies,
        serviceControlPolicies: [],
        resourceControlPolicies: [],
        resourcePolicy: on.policy
      },
      {}
    )
    const problem = answer.resultType === 'error' ? JSON.stringify(answer.errors) : undefined
    const allowed = answer.overallResult === 'Allowed'
    if (problem || allowed !== (expected === ALLOWED)) {
      wrong += 1
      console.error(`${who}: ${action} on ${what} (${on.arn}): ${problem ?? answer.overallResult}, expected ${expected ? 'Allowed' : 'a denial'}`)
    }
  }
}
console.log(`rights: ${asked} requests simulated, ${wrong} decided otherwise than expected`)
process.exitCode = wrong === 0 ? 0 : 1
