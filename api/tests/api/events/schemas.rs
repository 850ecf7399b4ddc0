//! Schemas that can't be used are found when they are read.

use std::fmt::Write as _;
use std::fs;

use api::events::{NewEvent, Schemas};
use expect_test::expect;

#[test]
fn a_schema_that_is_none_is_told_with_its_file_and_reason() {
    let mut said = String::new();
    for (file, text) in [
        ("OrderPlaced.json", r#"{"type":"object"}"#),
        ("OrderPlaced.json", "true"),
        ("OrderPlaced.json", "{"),
        ("OrderPlaced.json", "7"),
        ("OrderPlaced.json", r#"{"properties":{"total":{"type":"nummer"}}}"#),
        ("OrderPlaced.json", r#"{"pattern":"("}"#),
        // It would take time that grows with its text faster than that.
        ("OrderPlaced.json", r#"{"pattern":"^(?=a)"}"#),
        ("OrderPlaced.json", r##"{"properties":{"total":{"$ref":"#/$defs/missing"}}}"##),
        ("OrderPlaced.json", r#"{"properties":{"total":{"$ref":"money.json"}}}"#),
        ("OrderPlaced.json", r#"{"properties":{"total":{"$ref":"file:///etc/passwd"}}}"#),
        ("OrderPlaced.json", r#"{"properties":{"total":{"$ref":"https://example.com/money.json"}}}"#),
        ("OrderPlaced.json", r#"{"$dynamicRef":"https://example.com/money.json"}"#),
        ("OrderPlaced.json", r#"{"$schema":"https://example.com/my-draft"}"#),
        ("Order Placed.json", "true"),
        ("OrderPlaced.yaml", "true"),
        ("OrderPlaced.JSON", "true"),
        ("README.md", "# Schemas"),
    ] {
        let read = Schemas::try_new([(file.to_owned(), text.to_owned())]);
        let shown = read.map_or_else(|invalid| invalid.to_string(), |_| "accepted".to_owned());
        writeln!(said, "{file} {text}: {shown}").unwrap();
    }
    expect![[r##"
        OrderPlaced.json {"type":"object"}: accepted
        OrderPlaced.json true: accepted
        OrderPlaced.json {: `OrderPlaced.json` is not JSON: EOF while parsing an object at line 1 column 1
        OrderPlaced.json 7: `OrderPlaced.json` is no JSON Schema that can be used: 7 is not of types "boolean", "object"
        OrderPlaced.json {"properties":{"total":{"type":"nummer"}}}: `OrderPlaced.json` is no JSON Schema that can be used, at `/properties/total/type`: "nummer" is not valid under any of the schemas listed in the 'anyOf' keyword
        OrderPlaced.json {"pattern":"("}: `OrderPlaced.json` is no JSON Schema that can be used, at `/pattern`: "(" is not a "regex"
        OrderPlaced.json {"pattern":"^(?=a)"}: `OrderPlaced.json` is no JSON Schema that can be used, at `/pattern`: "^(?=a)" is not a "regex"
        OrderPlaced.json {"properties":{"total":{"$ref":"#/$defs/missing"}}}: `OrderPlaced.json` is no JSON Schema that can be used: Pointer '/$defs/missing' does not exist
        OrderPlaced.json {"properties":{"total":{"$ref":"money.json"}}}: `OrderPlaced.json` is no JSON Schema that can be used: Resource 'money.json' is not present in a registry and retrieving it failed: No base URI is available
        OrderPlaced.json {"properties":{"total":{"$ref":"file:///etc/passwd"}}}: `OrderPlaced.json` is no JSON Schema that can be used: Resource 'file:///etc/passwd' is not present in a registry and retrieving it failed: a schema refers to nothing outside of its own file; put it below `$defs`
        OrderPlaced.json {"properties":{"total":{"$ref":"https://example.com/money.json"}}}: `OrderPlaced.json` is no JSON Schema that can be used: Resource 'https://example.com/money.json' is not present in a registry and retrieving it failed: a schema refers to nothing outside of its own file; put it below `$defs`
        OrderPlaced.json {"$dynamicRef":"https://example.com/money.json"}: `OrderPlaced.json` is no JSON Schema that can be used: Resource 'https://example.com/money.json' is not present in a registry and retrieving it failed: Retrieving external resources is not supported once the registry is populated
        OrderPlaced.json {"$schema":"https://example.com/my-draft"}: `OrderPlaced.json` is no JSON Schema that can be used: Unknown meta-schema: 'https://example.com/my-draft'. Custom meta-schemas must be registered in the registry before use
        Order Placed.json true: `Order Placed.json` in the folder of schemas is not `<eventName>.json`; an event's name must be 1 to 64 ASCII letters, digits, `_` and `-`, a letter first, such as `OrderPlaced`; rename or remove it
        OrderPlaced.yaml true: `OrderPlaced.yaml` in the folder of schemas is not `<eventName>.json`; an event's name must be 1 to 64 ASCII letters, digits, `_` and `-`, a letter first, such as `OrderPlaced`; rename or remove it
        OrderPlaced.JSON true: `OrderPlaced.JSON` in the folder of schemas is not `<eventName>.json`; an event's name must be 1 to 64 ASCII letters, digits, `_` and `-`, a letter first, such as `OrderPlaced`; rename or remove it
        README.md # Schemas: `README.md` in the folder of schemas is not `<eventName>.json`; an event's name must be 1 to 64 ASCII letters, digits, `_` and `-`, a letter first, such as `OrderPlaced`; rename or remove it
    "##]].assert_eq(&said);
}

#[test]
fn schemas_are_the_files_of_a_folder_that_may_be_missing() {
    let folder = std::env::temp_dir().join(format!("api-schemas-{}", std::process::id()));
    let refused = |schemas: &Schemas| {
        NewEvent::of_request("Noted", None, None, br#"{"aggregate":"o","body":{"x":1}}"#, schemas).is_err()
    };
    assert!(!refused(&Schemas::try_read(&folder).unwrap()));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(".keep"), "").unwrap();
    assert!(!refused(&Schemas::try_read(&folder).unwrap()));
    fs::write(folder.join("Noted.json"), r#"{"maxProperties":0}"#).unwrap();
    assert!(refused(&Schemas::try_read(&folder).unwrap()));
    fs::create_dir(folder.join("Listed.json")).unwrap();
    let unreadable = Schemas::try_read(&folder).unwrap_err().to_string();
    fs::remove_dir_all(&folder).unwrap();
    assert!(unreadable.contains("Listed.json` can't be read"), "{unreadable}");
}
