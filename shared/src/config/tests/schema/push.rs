//! What the file says of clients that are pushed to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Account, PathText};

const REGION: &str = "[a-z]+(-[a-z]+)+-[0-9]+";

/// What the stack itself delivers the client's queue to. Exactly one of the kinds.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = [
    { "required": ["webhook"] },
    { "required": ["lambda"] },
    { "required": ["sns"] },
    { "required": ["eventbridge"] },
    { "required": ["kinesis"] },
    { "required": ["s3"] },
]))]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct PushSection {
    /// After which time in the queue an event that fails counts as refused for good, from `1m` to `13d`: `7d`, `36h`, `90m`.
    /// Without this line it is tried until it is taken.
    #[schemars(regex(pattern = "^[0-9]+[mhd]$"))]
    give_up_after: Option<String>,
    /// What becomes of an event that is refused for good: its aggregate is held until an operator releases it, or it is left
    /// out, with a rejection.
    #[schemars(extend("enum" = ["hold", "skip"], "default" = "hold"))]
    on_refused: Option<String>,
    webhook: Option<Webhook>,
    lambda: Option<Lambda>,
    sns: Option<Sns>,
    eventbridge: Option<EventBridge>,
    kinesis: Option<Kinesis>,
    s3: Option<S3>,
}

/// A POST for each event, signed as Standard Webhooks says.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Webhook {
    /// Where events are posted to. Its host is among `allowed_hosts`.
    url: HttpsUrl,
    /// Where the secret is that signs.
    secret: Secret,
    /// How many seconds an answer may take.
    #[schemars(range(min = 1, max = 20), extend("default" = 15))]
    timeout: Option<u8>,
    /// Headers of your own. Not for keys: they stand in this file.
    #[schemars(extend("maxProperties" = 20))]
    headers: Option<BTreeMap<String, String>>,
    oauth: Option<OAuth>,
}

/// How a webhook gets a token (OAuth 2.0, client credentials).
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct OAuth {
    /// Where tokens are had. Its host is among `allowed_hosts`.
    token_url: HttpsUrl,
    /// The client that the token is for.
    #[schemars(length(min = 1, max = 1024))]
    client_id: String,
    /// Where the client's secret is.
    client_secret: Secret,
    /// What the token is for.
    #[schemars(length(min = 1, max = 1024))]
    scope: Option<String>,
    /// Whom the token is for.
    #[schemars(length(min = 1, max = 1024))]
    audience: Option<String>,
}

/// An invocation for each event.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Lambda {
    /// The function's ARN, perhaps with an alias or version. Its account is among `allowed_accounts`.
    function: FunctionArn,
    /// Whether one invocation gets up to ten events of an aggregate as a list.
    #[schemars(extend("default" = false))]
    batch: Option<bool>,
}

/// A message to a topic for each event. Order ends at a standard topic.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Sns {
    /// The topic's ARN. Its account is among `allowed_accounts`.
    topic: TopicArn,
    /// Attributes for subscriptions' filters: for each name the path of the field that it has.
    #[schemars(extend("maxProperties" = 3))]
    attributes: Option<BTreeMap<String, PathText>>,
}

/// An entry on an event bus for each event. Order ends there.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct EventBridge {
    /// The bus's ARN. Its account is among `allowed_accounts`.
    bus: BusArn,
    /// What rules know the events by.
    #[schemars(regex(pattern = "^[A-Za-z0-9/._-]{1,256}$"), extend("not" = { "pattern": "^aws\\." }))]
    source: String,
    /// The detail type of each entry. Without this line it is the event's name.
    #[schemars(length(min = 1, max = 128))]
    detail_type: Option<String>,
}

/// A record of a data stream for each event.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Kinesis {
    /// The stream's ARN. Its account is among `allowed_accounts`.
    stream: StreamArn,
}

/// An object for each event.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct S3 {
    /// The bucket's name. It is in the stack's region.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"))]
    bucket: String,
    /// What keys begin with. Without this line they begin with the aggregate.
    #[schemars(regex(pattern = "^[A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*/?$"), length(max = 201))]
    prefix: Option<String>,
    /// The account that owns the bucket, among `allowed_accounts`. Without this line it is the stack's.
    account: Option<Account>,
    /// The ARN of the KMS key that encrypts objects. Without this line the bucket decides.
    kms_key: Option<KeyArn>,
    /// What becomes of an aggregate's objects when it is erased.
    #[schemars(extend("enum" = ["delete", "keep"], "default" = "delete"))]
    on_erased: Option<String>,
}

/// A host that may receive events: its name or address; or that, and whether it is one of a private network.
pub(super) struct AllowedHost;

impl JsonSchema for AllowedHost {
    fn schema_name() -> Cow<'static, str> {
        "AllowedHost".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let host = serde_json::json!({ "type": "string", "pattern": "^[A-Za-z0-9.:\\[\\]-]+$" });
        json_schema!({ "oneOf": [
            host,
            {
                "type": "object",
                "required": ["host"],
                "additionalProperties": false,
                "properties": {
                    "host": host,
                    "internal": {
                        "description": "Whether its address may be one of a private network.",
                        "type": "boolean", "default": false,
                    },
                },
            },
        ] })
    }
}

/// Texts of a form.
macro_rules! forms {
    ($($name:ident: $form:expr;)*) => {$(
        struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $form })
            }
        }
    )*};
}

forms! {
    HttpsUrl: "^[Hh][Tt][Tt][Pp][Ss]://[^@#\\s/?]+([/?][^#\\s]*)?$";
    Secret: format!(
        "^arn:[a-z-]+:(secretsmanager:{REGION}:[0-9]{{12}}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{{6}}|\
         ssm:{REGION}:[0-9]{{12}}:parameter(/[A-Za-z0-9_.-]+)+)$"
    );
    FunctionArn: format!(
        "^arn:[a-z-]+:lambda:{REGION}:[0-9]{{12}}:function:[A-Za-z0-9_-]{{1,64}}(:[A-Za-z0-9_-]{{1,128}})?$"
    );
    TopicArn: format!("^arn:[a-z-]+:sns:{REGION}:[0-9]{{12}}:[A-Za-z0-9_-]{{1,256}}(\\.fifo)?$");
    BusArn: format!("^arn:[a-z-]+:events:{REGION}:[0-9]{{12}}:event-bus/[A-Za-z0-9_.-]{{1,256}}$");
    StreamArn: format!("^arn:[a-z-]+:kinesis:{REGION}:[0-9]{{12}}:stream/[A-Za-z0-9_.-]{{1,128}}$");
    KeyArn: format!("^arn:[a-z-]+:kms:{REGION}:[0-9]{{12}}:key/[A-Za-z0-9-]{{1,64}}$");
}
