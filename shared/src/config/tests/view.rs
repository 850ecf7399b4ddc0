//! Views that clients may have.

use expect_test::expect;

use super::*;

const CLIENT: &str = "name = 'Billing'";

/// The view of the first client, which has these lines.
fn view(lines: &str) -> ClientView {
    let text =
        edited(CLIENT, &format!("{CLIENT}\n{lines}")) + "[cloudevents]\nsource = 'urn:example:marks'\n";
    read(&text, None).unwrap().clients[0].view.clone()
}

#[test]
fn a_view_is_read() {
    assert!(view("").is_whole());
    for (lines, expected) in [
        ("", "the whole event"),
        ("fields = ['b', 'a.c', \"a.d\"]", r#"fields = ["a.c", "a.d", "b"]"#),
        ("omit = ['RegistrationNumber.entitlement']", r#"omit = ["RegistrationNumber.entitlement"]"#),
        ("envelope = 'cloudevents'", r#"envelope = "cloudevents" from urn:example:marks"#),
        (
            "omit = ['a']\nenvelope = 'cloudevents'",
            r#"omit = ["a"], envelope = "cloudevents" from urn:example:marks"#,
        ),
        // Alike up to a dot, but not inside each other.
        ("fields = ['a', 'aa', 'ab.a']", r#"fields = ["a", "aa", "ab.a"]"#),
    ] {
        assert_eq!(view(lines).to_string(), expected);
    }
    assert_eq!(view("fields = ['a', 'b']"), view("fields = ['b', 'a']"));
    assert_ne!(view("fields = ['a']"), view("omit = ['a']"));
}

#[test]
fn a_view_that_can_mean_two_things_or_nothing_is_refused() {
    let deep = |length: usize| format!("{CLIENT}\nomit = ['{}']", vec!["x"; length].join("."));
    assert!(read(&edited(CLIENT, &deep(32)), None).is_ok());
    check(
        &[
            (CLIENT, &format!("{CLIENT}\nfields = ['a']\nomit = ['b']")),
            (CLIENT, &format!("{CLIENT}\nomit = ['b']\nfields = ['a']")),
            (CLIENT, &format!("{CLIENT}\nfields = []")),
            (CLIENT, &format!("{CLIENT}\nomit = []")),
            (CLIENT, &format!("{CLIENT}\nfields = 'a'")),
            (CLIENT, &format!("{CLIENT}\nomit = ['a', 7]")),
            (CLIENT, &format!("{CLIENT}\nfields = ['a', 'b..c']")),
            (CLIENT, &format!("{CLIENT}\nfields = ['']")),
            (CLIENT, &format!("{CLIENT}\nfields = ['a.b', 'c', 'a.b']")),
            (CLIENT, &format!("{CLIENT}\nfields = ['a', 'a.b']")),
            (CLIENT, &format!("{CLIENT}\nomit = [\n'a.b.c',\n'a.b']")),
            (CLIENT, &deep(33)),
            (CLIENT, &format!("{CLIENT}\nenvelope = 'CloudEvents'")),
            (CLIENT, &format!("{CLIENT}\nenvelope = true")),
            (CLIENT, &format!("{CLIENT}\nenvelope = 'cloudevents'")),
            (CLIENT, &format!("{CLIENT}\nfield = ['a']")),
            ("[sending]", "[cloudevents]\n[sending]"),
            ("[sending]", "[cloudevents]\nsource = ''\n[sending]"),
            ("[sending]", "[cloudevents]\nsource = 'our marks'\n[sending]"),
            ("[sending]", "[cloudevents]\nsource = 'urn:a'\ntype = 'a'\n[sending]"),
            ("[source]", "cloudevents = 'urn:a'\n[source]"),
        ],
        expect![[r#"
            f.toml:16: client.omit: client `Billing`: stands beside `fields` in line 15; delete one of the two: `fields` names all that the client gets, `omit` what it doesn't get
            f.toml:16: client.fields: client `Billing`: stands beside `omit` in line 15; delete one of the two: `fields` names all that the client gets, `omit` what it doesn't get
            f.toml:15: client.fields: client `Billing`: is empty; name the members that the client gets, or leave it out
            f.toml:15: client.omit: client `Billing`: is empty; name the members that the client doesn't get, or leave it out
            f.toml:15: client.fields: client `Billing`: is text; write a list in brackets, of texts in quotes
            f.toml:15: client.omit: client `Billing`: is a whole number; write text in quotes
            f.toml:15: client.fields: client `Billing`: `b..c` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
            f.toml:15: client.fields: client `Billing`: `` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
            f.toml:15: client.fields: client `Billing`: `a.b` is there twice; delete one of the two
            f.toml:15: client.fields: client `Billing`: `a.b` lies in `a`; delete one of the two
            f.toml:17: client.omit: client `Billing`: `a.b.c` in line 16 lies in `a.b`; delete one of the two
            f.toml:15: client.omit: client `Billing`: `x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x` has 33 names; at most 32 lie inside each other
            f.toml:15: client.envelope: client `Billing`: `CloudEvents` is no envelope; write `cloudevents`, or leave it out for the event's JSON alone
            f.toml:15: client.envelope: client `Billing`: is true or false; write text in quotes
            f.toml:15: client.envelope: client `Billing`: lacks a source; add a section `[cloudevents]` with `source = "urn:example:marks"`, or what else names where events come from
            f.toml:15: client.field: unknown key; did you mean `fields`?
            f.toml:10: cloudevents.source: missing; name where events come from by a URI, as in `source = "urn:example:marks"`
            f.toml:11: cloudevents.source: `` is not a URI; write one of up to 256 characters, as in `urn:example:marks` or `https://example.com/marks`
            f.toml:11: cloudevents.source: `our marks` is not a URI; write one of up to 256 characters, as in `urn:example:marks` or `https://example.com/marks`
            f.toml:12: cloudevents.type: unknown key; known here are `source`
            f.toml:1: cloudevents: is text; write one section headed `[cloudevents]`
        "#]],
    );
}

#[test]
fn a_wrong_section_is_reported_once() {
    let text =
        edited(CLIENT, &format!("{CLIENT}\nenvelope = 'cloudevents'")) + "[cloudevents]\nsource = ''\n";
    expect!["f.toml:22: cloudevents.source: `` is not a URI; write one of up to 256 characters, as in `urn:example:marks` or `https://example.com/marks`"].assert_eq(&read(&text, None).unwrap_err());
}
