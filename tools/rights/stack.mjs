// A stack as AWS would have it: the names, ARNs and policies of an expanded template, without references.

export const REGION = 'eu-west-2'
export const ACCOUNT = '123456789012'
const PSEUDO = {
  'AWS::AccountId': ACCOUNT,
  'AWS::Partition': 'aws',
  'AWS::Region': REGION,
  'AWS::StackName': 'mark-event-queue',
  'AWS::URLSuffix': 'amazonaws.com'
}
const EXPORTED = {
  DynamoDBStreamArn: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/Events/stream/2026-01-01T00:00:00.000`
}

// How each kind of resource is called: its name where the template gives one, else one of its logical id.
const ARNS = {
  'AWS::DynamoDB::Table': (id) => `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${id}`,
  'AWS::IAM::ManagedPolicy': (id) => `arn:aws:iam::${ACCOUNT}:policy/${id}`,
  'AWS::IAM::Role': (id, properties) => `arn:aws:iam::${ACCOUNT}:role/${properties.RoleName ?? id}`,
  'AWS::Lambda::Function': (id) => `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${id}`,
  'AWS::Logs::LogGroup': (_, properties) => `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${properties.LogGroupName}:*`,
  'AWS::S3::Bucket': (id) => `arn:aws:s3:::${id.toLowerCase()}`,
  'AWS::SQS::Queue': (id, properties) => `arn:aws:sqs:${REGION}:${ACCOUNT}:${properties.QueueName ?? id}`
}

export class Stack {
  constructor(template) {
    this.template = template
  }

  // The resource with all that it refers to written out.
  resource(id) {
    const resource = this.template.Resources[id]
    if (!resource) throw new Error(`the template has no resource \`${id}\``)
    return this.resolved(resource)
  }

  arn(id) {
    const { Type, Properties } = this.resource(id)
    if (!ARNS[Type]) throw new Error(`\`${id}\`: no rule for the ARN of ${Type}`)
    return ARNS[Type](id, Properties)
  }

  // The policies of a role, its own and those that are attached to it, by name.
  rolePolicies(id) {
    const { Policies, ManagedPolicyArns = [] } = this.template.Resources[id].Properties
    const own = this.resolved(Policies).map(({ PolicyName, PolicyDocument }) => ({ name: PolicyName, policy: PolicyDocument }))
    const attached = ManagedPolicyArns.map(({ Ref }) => Ref)
    const attaching = Object.keys(this.template.Resources).filter((policy) => {
      const { Type, Properties } = this.template.Resources[policy]
      return Type === 'AWS::IAM::ManagedPolicy' && (Properties.Roles ?? []).some((role) => role.Ref === id)
    })
    const managed = [...attached, ...attaching]
    return [...own, ...managed.map((name) => ({ name, policy: this.resource(name).Properties.PolicyDocument }))]
  }

  // The policy of the resource (queue, bucket), `undefined` if it has none.
  resourcePolicy(id) {
    for (const candidate of Object.keys(this.template.Resources)) {
      const { Type, Properties } = this.template.Resources[candidate]
      const on = Type === 'AWS::SQS::QueuePolicy' ? Properties.Queues : Type === 'AWS::S3::BucketPolicy' ? [Properties.Bucket] : []
      if (on.some((reference) => reference.Ref === id)) return this.resource(candidate).Properties.PolicyDocument
    }
  }

  resolved(node) {
    if (Array.isArray(node)) return node.map((item) => this.resolved(item))
    if (node === null || typeof node !== 'object') return node
    const [[key, value], ...others] = Object.entries(node).length ? Object.entries(node) : [[]]
    if (others.length === 0 && key in INTRINSICS) return INTRINSICS[key](this, value)
    return Object.fromEntries(Object.entries(node).map(([name, item]) => [name, this.resolved(item)]))
  }
}

const INTRINSICS = {
  Ref: (stack, name) => PSEUDO[name] ?? (stack.template.Resources[name] ? name : fail(`Ref ${name}`)),
  'Fn::GetAtt': (stack, [id, attribute]) => (attribute === 'Arn' ? stack.arn(id) : id),
  'Fn::ImportValue': (_, name) => EXPORTED[name] ?? fail(`the export ${name}`),
  'Fn::Join': (stack, [separator, items]) => stack.resolved(items).join(separator),
  'Fn::Select': (stack, [place, items]) => stack.resolved(items)[place],
  'Fn::Split': (stack, [separator, text]) => stack.resolved(text).split(separator),
  'Fn::Sub': (stack, text) =>
    text.replace(/\$\{([^}]+)\}/g, (_, name) => {
      const [id, attribute] = name.split('.')
      return attribute ? INTRINSICS['Fn::GetAtt'](stack, [id, attribute]) : INTRINSICS.Ref(stack, id)
    })
}

function fail(what) {
  throw new Error(`${what}: nothing of this name`)
}
