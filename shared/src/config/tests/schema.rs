//! The JSON Schema of the file, for editors: `client-queues.schema.json`. It is made of the types here, whose comments
//! editors show. What the file may hold is decided elsewhere: whatever is valid there is valid here, and an editor finds
//! the slips that it can see in one line.

mod push;

use std::borrow::Cow;
use std::sync::LazyLock;

use expect_test::expect_file;
use jsonschema::Validator;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::*;
use crate::pattern::DEPTH_LIMIT;

/// `client-queues.toml` of mark-event-queue: where events come from and who receives them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "client-queues.toml")]
#[expect(dead_code, reason = "only its schema is used")]
struct File {
    source: SourceSection,
    sending: Option<Sending>,
    cloudevents: Option<CloudEvents>,
    /// The teams that receive events: one section each.
    #[schemars(length(min = 1, max = OWN_LIMIT + EXISTING_LIMIT))]
    client: Vec<ClientSection>,
}

/// The event table, and which of its attributes mean what. An event is an item that is new in it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct SourceSection {
    /// The table's partition key, which is the aggregate's key: events with the same value stay in order.
    #[schemars(length(min = 1))]
    partition_key: String,
    /// The table's sort key.
    #[schemars(length(min = 1))]
    sort_key: String,
    /// The event's own id: a string, a number, or bytes. An event without it is rejected. Without this line the
    /// message's deduplication id is used.
    id: Option<PathText>,
    /// The event's name. Without this line messages carry none.
    name: Option<PathText>,
    /// The event's time: date and time as ISO 8601 writes them, or a number of seconds to nanoseconds since 1970.
    time: Option<PathText>,
    /// The event's number inside its aggregate: 1, 2, 3 … without holes. An event without it is rejected.
    version: VersionText,
    /// The version of an aggregate's first event.
    #[schemars(extend("enum" = [0, 1], "default" = 1))]
    first_version: Option<u8>,
    /// How many read units of the table a second scans may take.
    #[schemars(range(min = 1, max = 100_000), extend("default" = 25))]
    scan_read_units: Option<u32>,
    /// Which items are events: those whose JSON the pattern matches. Without this section each new item is one.
    filter: Option<ItemPattern>,
    /// The accounts whose existing queues, and whose push targets, may receive events.
    allowed_accounts: Option<Vec<Account>>,
    /// The hosts of URLs that events, and requests for tokens, may go to.
    allowed_hosts: Option<Vec<push::AllowedHost>>,
}

/// How events are sent.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Sending {
    /// How many requests to one queue are under way at once. Raise it only for queues with high throughput.
    #[schemars(range(min = 1, max = 50), extend("default" = 6))]
    requests_in_flight: Option<u32>,
}

/// What CloudEvents say of themselves, for clients with `envelope = "cloudevents"`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct CloudEvents {
    /// Where events come from: a URI, or a reference to one, as in `urn:example:marks`.
    #[schemars(length(min = 1, max = 256), extend("format" = "uri-reference"))]
    source: String,
}

/// A team that receives events.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("not" = { "anyOf": [
    { "required": ["fields", "omit"] },
    { "required": ["queue_arn", "push"] },
] }))]
#[expect(dead_code, reason = "only its schema is used")]
struct ClientSection {
    /// What the client is called in logs, metrics and its queue's name: a letter, then up to 39 letters and digits.
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9]{0,39}$"))]
    name: String,
    /// The ARN of an existing SQS FIFO queue, whose account is among `allowed_accounts`. Without this line the stack
    /// makes a queue.
    #[schemars(regex(
        pattern = "^arn:[a-z-]+:sqs:[a-z]+(-[a-z]+)+-[0-9]+:[0-9]{12}:[A-Za-z0-9_-]{1,75}\\.fifo$"
    ))]
    queue_arn: Option<String>,
    /// Whether the client, when it joins, receives every event that the table has.
    #[schemars(extend("default" = false))]
    history: Option<bool>,
    /// Whether the client is told when an aggregate is erased of which it had events. Without this line only a bucket is whose
    /// objects are deleted then.
    erasures: Option<bool>,
    /// Which events the client gets. Without this section it gets every event.
    filter: Option<EventPattern>,
    /// The members of the event's JSON that the client gets, by their paths. Without this line it gets all.
    fields: Option<Paths>,
    /// The members of the event's JSON that the client doesn't get, by their paths. Not beside `fields`.
    omit: Option<Paths>,
    /// What the event's JSON is put into: a CloudEvent. Without this line it comes as it is.
    #[schemars(extend("enum" = ["cloudevents"]))]
    envelope: Option<String>,
    /// The ARN of the IAM role, of any account, that may ask for replays of this client.
    #[schemars(regex(
        pattern = "^arn:[a-z-]+:iam::[0-9]{12}:role/([A-Za-z0-9+=.@_-]+/)*[A-Za-z0-9+=.@_-]{1,64}$"
    ))]
    request_role: Option<String>,
    push: Option<push::PushSection>,
}

/// An account: twelve digits.
#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
struct Account(#[schemars(regex(pattern = "^[0-9]{12}$"))] String);

/// A path, from the item inwards: `RegistrationNumber.version`.
#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
struct PathText(#[schemars(regex(pattern = PATH_FORM))] String);

const PATH_FORM: &str = "^[^.]+(\\.[^.]+)*$";

/// Paths of an event's JSON, each once, of at most 32 names.
struct Paths;

/// Where the version is: a path; or the path of a text, and what stands in it before the digits.
struct VersionText;

/// A pattern for items.
struct ItemPattern;

/// A pattern for events, with what their messages say of them.
struct EventPattern;

impl JsonSchema for Paths {
    fn schema_name() -> Cow<'static, str> {
        "Paths".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let form = format!("^[^.]+(\\.[^.]+){{0,{}}}$", DEPTH_LIMIT - 1);
        let path = json!({ "type": "string", "pattern": form });
        json_schema!({ "type": "array", "minItems": 1, "uniqueItems": true, "items": path })
    }
}

impl JsonSchema for VersionText {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "type": "string", "pattern": PATH_FORM },
            {
                "type": "object",
                "required": ["path"],
                "additionalProperties": false,
                "properties": {
                    "path": {
                        "description": "The path of the attribute that the version is in.",
                        "type": "string", "pattern": PATH_FORM,
                    },
                    "after": {
                        "description": "What stands before the version's digits, which end the value: `EVENT#`.",
                        "type": "string", "minLength": 1,
                    },
                },
            },
        ] })
    }
}

impl JsonSchema for ItemPattern {
    fn schema_name() -> Cow<'static, str> {
        "ItemPattern".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        // An item has no message yet.
        section(generator, &json!({ "$message": false }))
    }
}

impl JsonSchema for EventPattern {
    fn schema_name() -> Cow<'static, str> {
        "EventPattern".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let message = generator.subschema_for::<MessagePattern>();
        let mut pattern = section(generator, &json!({ "$message": message }));
        // What is in a branch may be about the message as well.
        let branch = json!({ "$ref": "#/definitions/EventPattern" });
        pattern.pointer_mut("/properties/$or").unwrap()["items"] = branch;
        pattern
    }
}

/// The fields of an object, joined by *and*.
struct FieldPattern;

impl JsonSchema for FieldPattern {
    fn schema_name() -> Cow<'static, str> {
        "FieldPattern".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        section(generator, &json!({}))
    }
}

/// A section of fields, with these besides.
fn section(generator: &mut SchemaGenerator, besides: &Value) -> Schema {
    let conditions = generator.subschema_for::<Conditions>();
    let fields = generator.subschema_for::<FieldPattern>();
    let mut properties = json!({ "$or": {
        "description": "Sections, of which one must match.",
        "type": "array", "minItems": 2, "items": fields,
    } });
    properties.as_object_mut().unwrap().extend(besides.as_object().unwrap().clone());
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "properties": properties,
        "additionalProperties": { "if": { "type": "array" }, "then": conditions, "else": fields },
    })
}

/// What a message says of its event.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase", extend("minProperties" = 1))]
#[expect(dead_code, reason = "only its schema is used")]
struct MessagePattern {
    /// The `MessageGroupId`, as it is encoded: `AFC%20F5`.
    group: Option<Conditions>,
    /// The event's own id.
    event_id: Option<Conditions>,
    /// The event's name, if it has one.
    event_name: Option<Conditions>,
    /// The event's time, as the item has it.
    event_time: Option<Conditions>,
    /// The event's number in its aggregate.
    version: Option<Conditions>,
    /// Sections, of which one must match.
    #[schemars(rename = "$or", length(min = 2))]
    or: Option<Vec<MessagePattern>>,
}

/// The values that a field may have.
struct Conditions;

impl JsonSchema for Conditions {
    fn schema_name() -> Cow<'static, str> {
        "Conditions".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let ignoring_case = json!({ "equals-ignore-case": { "type": "string" } });
        let text_or = |operators: Value| json!({ "anyOf": [{ "type": "string" }, one_of(operators)] });
        let texts = json!({ "anyOf": [
            { "type": "string" },
            { "type": "array", "minItems": 1, "items": { "type": "string" } },
        ] });
        let excluded = json!({ "anyOf": [
            { "type": ["string", "number"] },
            { "type": "array", "minItems": 1, "items": { "type": "string" } },
            { "type": "array", "minItems": 1, "items": { "type": "number" } },
            one_of(json!({ "prefix": texts, "suffix": texts, "equals-ignore-case": texts, "wildcard": texts })),
        ] });
        let comparisons = json!({
            "type": "array", "minItems": 2, "maxItems": 4,
            "items": { "anyOf": [{ "enum": ["=", "<", "<=", ">", ">="] }, { "type": "number" }] },
        });
        let described = |description: &str, schema: Value| {
            let mut schema = schema;
            schema["description"] = description.into();
            schema
        };
        let operators = json!({
            "null": described("The value is null.", json!({ "const": true })),
            "prefix": described("The text begins with this.", text_or(ignoring_case.clone())),
            "suffix": described("The text ends with this.", text_or(ignoring_case)),
            "equals-ignore-case": described("The text, in capital or small letters.", json!({ "type": "string" })),
            "wildcard": described("The text, with `*` for anything.", json!({ "type": "string" })),
            "anything-but": described("Any value but these; the field must be there.", excluded),
            "numeric": described("Comparisons and numbers in turn: `[\">=\", 100, \"<\", 500.50]`.", comparisons),
            "cidr": described("An IP address of this block: `10.0.0.0/24`.", json!({ "type": "string" })),
            "exists": described("Whether the field is there.", json!({ "type": "boolean" })),
        });
        json_schema!({
            "type": "array",
            "minItems": 1,
            "items": { "anyOf": [{ "type": ["string", "number", "boolean"] }, one_of(operators)] },
        })
    }
}

/// Braces with one of these operators.
fn one_of(operators: Value) -> Value {
    json!({
        "type": "object",
        "properties": operators,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}

/// The schema, in the draft that editors of TOML know.
fn generated() -> Value {
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<File>();
    let mut schema = schema.to_value();
    without_null(&mut schema);
    schema
}

/// TOML has no null: what is optional is left out. A description is one line.
fn without_null(value: &mut Value) {
    let null = [json!("null"), json!({ "type": "null" })];
    match value {
        Value::Array(entries) => entries.iter_mut().for_each(without_null),
        Value::Object(members) => {
            for key in ["type", "anyOf"] {
                let Some(Value::Array(entries)) = members.get_mut(key) else { continue };
                entries.retain(|entry| !null.contains(entry));
                let [only] = entries.as_slice() else { continue };
                let only = only.clone();
                match key {
                    "type" => members.insert(key.to_owned(), only),
                    // Beside a `$ref` nothing else would count.
                    _ => members.remove(key).and_then(|_| members.insert("allOf".to_owned(), json!([only]))),
                };
            }
            if let Some(Value::String(description)) = members.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            // Bounds and formats of Rust's numbers say nothing to who writes the file.
            if members.get("type").is_some_and(|kind| kind == "integer") {
                members.remove("format");
            }
            members.values_mut().for_each(without_null);
        }
        _ => {}
    }
}

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::options().should_validate_formats(true).build(&generated()).unwrap());

/// What is wrong with a file of TOML by the schema. None if it has a number that JSON's reader has no place for.
pub(super) fn errors(text: &str) -> Vec<String> {
    match toml::from_str::<Value>(text) {
        Ok(value) => VALIDATOR.iter_errors(&value).map(|error| error.to_string()).collect(),
        Err(_) => Vec::new(),
    }
}

#[test]
fn the_schema_is_that_of_the_types() {
    let generated = generated();
    jsonschema::meta::validate(&generated).unwrap();
    expect_file!["../../../../client-queues.schema.json"].assert_eq(&format!("{generated:#}\n"));
}

#[test]
fn the_shipped_file_names_its_schema() {
    assert!(SHIPPED.starts_with("#:schema ./client-queues.schema.json\n"));
}

/// The keys that the schema knows are those that are read.
#[test]
fn the_schema_has_every_key_and_no_other() {
    let schema = generated();
    for (section, properties) in [
        ("", "/properties"),
        ("[source]\n", "/definitions/SourceSection/properties"),
        ("[source.version]\npath = 'v'\n", "/definitions/Version/oneOf/1/properties"),
        ("[sending]\n", "/definitions/Sending/properties"),
        ("[cloudevents]\n", "/definitions/CloudEvents/properties"),
        ("[[client]]\n", "/definitions/ClientSection/properties"),
        ("[[client]]\n[client.filter.'$message']\n", "/definitions/MessagePattern/properties"),
        ("[[source.allowed_hosts]]\n", "/definitions/AllowedHost/oneOf/1/properties"),
        ("[[client]]\n[client.push]\n", "/definitions/PushSection/properties"),
        ("[[client]]\n[client.push.webhook]\n", "/definitions/Webhook/properties"),
        ("[[client]]\n[client.push.webhook.oauth]\n", "/definitions/OAuth/properties"),
        ("[[client]]\n[client.push.lambda]\n", "/definitions/Lambda/properties"),
        ("[[client]]\n[client.push.sns]\n", "/definitions/Sns/properties"),
        ("[[client]]\n[client.push.eventbridge]\n", "/definitions/EventBridge/properties"),
        ("[[client]]\n[client.push.kinesis]\n", "/definitions/Kinesis/properties"),
        ("[[client]]\n[client.push.s3]\n", "/definitions/S3/properties"),
    ] {
        let found = read(&format!("{section}zzzzzzzzzzzz = 1\n"), None).unwrap_err();
        let (_, known) = found.split_once("known here are `").unwrap();
        let mut known: Vec<&str> =
            known.lines().next().unwrap().trim_end_matches('`').split("`, `").collect();
        known.sort_unstable();
        let properties = schema.pointer(properties).unwrap().as_object().unwrap();
        let mut keys: Vec<&str> = properties.keys().map(String::as_str).filter(|key| *key != "$or").collect();
        keys.sort_unstable();
        assert_eq!(keys, known, "{section}");
    }
}

/// Patterns of EventBridge's pages, in both places where a pattern can stand.
#[test]
fn every_pattern_is_valid() {
    for line in include_str!("../../../tests/data/event_patterns.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        // TOML has no null.
        let pattern: Value =
            serde_json::from_str(&row["pattern"].to_string().replace("null", "{\"null\":true}")).unwrap();
        let mut file: Value = toml::from_str(VALID).unwrap();
        file["source"]["filter"] = pattern.clone();
        file["client"][0]["filter"] = pattern;
        let errors: Vec<String> = VALIDATOR.iter_errors(&file).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{line}");
    }
}

/// In each row, `VALID` with its only `from` replaced by `to` is wrong for both.
#[test]
fn what_is_wrong_in_one_line_is_wrong_by_the_schema() {
    const NAME: &str = "name = 'Billing'";
    const ID: &str = "id = 'eventId'";
    let client = |line: &str| (NAME, format!("{NAME}\n{line}"));
    let source = |line: &str| (ID, line.to_owned());
    for (from, to) in [
        ("[source]", "[sources]".to_owned()),
        ("[sending]", "[cloudevents]\n[sending]".to_owned()),
        ("[sending]", "[cloudevents]\nsource = ''\n[sending]".to_owned()),
        ("[sending]", "[cloudevents]\nsource = 'two words'\n[sending]".to_owned()),
        ("partition_key = 'mark'", String::new()),
        ("partition_key = 'mark'", "partition_key = ''".to_owned()),
        ("requests_in_flight = 6", "requests_in_flight = 0".to_owned()),
        ("requests_in_flight = 6", "requests_in_flight = 51".to_owned()),
        ("requests_in_flight = 6", "requests_in_flight = 1.5".to_owned()),
        ("111122223333'", "1111-2222-3333'".to_owned()),
        ("version = 'RegistrationNumber.version'", String::new()),
        ("version = 'RegistrationNumber.version'", "version = 'a..b'".to_owned()),
        ("version = 'RegistrationNumber.version'", "version = { after = 'E#' }".to_owned()),
        ("version = 'RegistrationNumber.version'", "version = { path = 'sk', after = '' }".to_owned()),
        (
            "arn:aws:sqs:eu-west-2:111122223333:InsurersEvents.fifo",
            "arn:aws:sqs:eu-west-2:111122223333:Events".to_owned(),
        ),
        (
            "arn:aws:sqs:eu-west-2:111122223333:InsurersEvents.fifo",
            "arn:aws:sns:eu-west-2:111122223333:E.fifo".to_owned(),
        ),
        (NAME, "name = 'my-team'".to_owned()),
        (NAME, format!("name = '{}'", "a".repeat(41))),
        (NAME, String::new()),
        source("id = 1"),
        source("group = 'mark'"),
        source("first_version = 2"),
        source("scan_read_units = 0"),
        source("scan_read_units = 100001"),
        source("filter = {}"),
        source("filter = { sk = 'EVENT#' }"),
        source("filter = { sk = [] }"),
        source("filter = { sk = [{ prefix = 1 }] }"),
        source("filter = { sk = [{ prefixes = 'EVENT#' }] }"),
        source("filter = { sk = [{ prefix = 'a', suffix = 'b' }] }"),
        source("filter = { sk = [{ anything-but = [] }] }"),
        source("filter = { sk = [{ anything-but = ['a', 1] }] }"),
        source("filter = { n = [{ numeric = ['>'] }] }"),
        source("filter = { n = [{ numeric = ['!=', 1] }] }"),
        source("filter = { n = [{ exists = 'yes' }] }"),
        source("filter = { '$or' = [{ a = [1] }] }"),
        source("filter = { '$message' = { version = [1] } }"),
        client("queue_arn = 1"),
        client("history = 'all'"),
        client("view = []"),
        client("fields = []"),
        client("fields = ['a', 'a']"),
        client("fields = ['a']\nomit = ['b']"),
        client("omit = ['a..b']"),
        client("envelope = 'CloudEvents'"),
        client("request_role = 'arn:aws:iam::444455556666:root'"),
        client("request_role = 'arn:aws:iam::444455556666:role/*'"),
        client("filter = { '$message' = { name = ['A'] } }"),
        client("filter = { '$message' = ['A'] }"),
        client("filter = { '$or' = [{ a = [1] }, { '$message' = { eventname = ['A'] } }] }"),
    ] {
        let text = edited(from, &to);
        assert!(read(&text, None).is_err(), "{to}");
        assert!(!errors(&text).is_empty(), "{to}");
    }
}
