//! Findings about the items of the event table.

use expect_test::expect;
use shared::sample::items_of_lines;

use super::*;

const ITEMS: &str = r#"
{"mark": "A", "createTime": "2026-01-05T09:00:00Z", "version": 1}
{"mark": "A", "createTime": "2026-01-05T09:00:01Z", "version": 2}
{"mark": "A", "createTime": "HEAD", "price": 7}
"#;

fn with_items(facts: &mut Facts, items: &str) {
    let items = FirstPage { items: items_of_lines(items).unwrap(), is_whole: true };
    facts.page.as_mut().unwrap().items = Ok(items);
}

#[test]
fn items_that_would_be_rejected_are_found() {
    check(
        |facts| with_items(facts, ITEMS),
        &expect![[r#"
        event table `Events`: 1 of 3 items has no version at `version`, and would be rejected: `HEAD` 1; if they are no events, write `createTime = [{ anything-but = ["HEAD"] }]` in `[source.filter]`
    "#]],
    );
    check(
        |facts| {
            with_items(facts, ITEMS);
            facts.table.as_mut().unwrap().as_mut().unwrap().partition_key = "pk".into();
        },
        &expect![[r#"
            event table `Events`: its partition key is `pk`, not `mark`; correct `partition_key` in the config, and deploy
        "#]],
    );
}

#[test]
fn items_that_expire_are_found() {
    check(
        |facts| facts.page.as_mut().unwrap().expiry = Ok(Some("expiresAt".into())),
        &expect![[r#"
        event table `Events`: items expire by the attribute `expiresAt` (TTL), and whether events have it isn't known: an event that is removed by itself is missing for clients that are behind; switch TTL off, or give that attribute only to items that are no events
    "#]],
    );
}

#[test]
fn a_page_that_cannot_be_read_is_a_warning_where_the_right_is_missing() {
    let with = |fault: CallFault| {
        move |facts: &mut Facts| {
            facts.page = Some(PageFacts { items: Err(error(fault)), expiry: Err(error(fault)) });
        }
    };
    check(
        with(CallFault::NotAllowed),
        &expect![[r#"
        event table `Events`: warning: you are not allowed to read its items: `Look` of `it`: no permission (`AccessDenied`); let your user or role do that, if it may see events; or see how a file of items is read: `fanoutctl validate --sample FILE`
        event table `Events`: warning: you are not allowed to read whether items expire (TTL): `Look` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
    "#]],
    );
    check(
        with(CallFault::Unreachable),
        &expect![[r#"
        event table `Events`: can't be checked: `Look` of `it`: dispatch failure; check again, and look into the reason if it stays
        event table `Events`: can't be checked: `Look` of `it`: dispatch failure; check again, and look into the reason if it stays
    "#]],
    );
    check(with(CallFault::Missing), &expect![[""]]);
}

#[test]
fn a_version_that_is_the_sort_key_without_an_id_is_a_warning() {
    check(
        |facts| {
            let source = CONFIG.replace("version = \"version\"", "version = \"createTime\"");
            facts.config = config(&source);
            facts.running = Ok(Some(facts.config.clone()));
        },
        &expect![[r#"
            config: warning: `source.id`: is missing, and the version is read from the sort key: an aggregate that is erased and created anew has the sort keys of before, and its events are taken for the old ones; name the events' own ids as `id`, or never erase an aggregate
        "#]],
    );
}

#[test]
fn the_page_stands_behind_the_findings() {
    let mut facts = good();
    with_items(&mut facts, ITEMS);
    facts.page.as_mut().unwrap().expiry = Err(error(CallFault::NotAllowed));
    let report = Report::new(&facts, None, true);
    expect![[r#"
        event table `Events`: 1 of 3 items has no version at `version`, and would be rejected: `HEAD` 1; if they are no events, write `createTime = [{ anything-but = ["HEAD"] }]` in `[source.filter]`
        event table `Events`: warning: you are not allowed to read whether items expire (TTL): `Look` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
        stack `mark-event-queue`, with 4 queues, the table's stream, all three functions and the ledger: 1 finding, 1 warning

        first items of the event table: 3 items, as new ones: 2 events, 0 passed over, 1 rejected

        sort key  events  passed over  rejected
        (other)        2            0         0
        HEAD           0            0         1

        1 rejected: the event lacks `version`, its version; `[source]` in `client-queues.toml` says where it is

        one of the events as a message
          partition key  A
          sort key       2026-01-05T09:00:00Z
          group          A
          version        1
          time           2026-01-05T09:00:00Z
          id             1651ee6260ff2a08e097bb34cc815f530d25712a923de633dc8359f6491193ad
          size           186 bytes
          attributes
            eventId      1651ee6260ff2a08e097bb34cc815f530d25712a923de633dc8359f6491193ad (String)
            eventTime    2026-01-05T09:00:00Z (String)
            version      1 (Number)
          body
            {
              "createTime": "2026-01-05T09:00:00Z",
              "mark": "A",
              "version": 1
            }
    "#]].assert_eq(&text(&report, Style::Plain));
    expect![[r#"
        {
          "stack": "mark-event-queue",
          "queues": 4,
          "targets": 0,
          "pings": null,
          "findings": [
            {
              "subject": "event table `Events`",
              "line": null,
              "key": null,
              "problem": "1 of 3 items has no version at `version`, and would be rejected: `HEAD` 1",
              "remedy": "if they are no events, write `createTime = [{ anything-but = [\"HEAD\"] }]` in `[source.filter]`",
              "advice": {
                "section": "source.filter",
                "text": "createTime = [{ anything-but = [\"HEAD\"] }]"
              },
              "severity": "fault"
            },
            {
              "subject": "event table `Events`",
              "line": null,
              "key": null,
              "problem": "you are not allowed to read whether items expire (TTL): `Look` of `it`: no permission (`AccessDenied`)",
              "remedy": "attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role",
              "advice": null,
              "severity": "warning"
            }
          ],
          "page": {
            "items": 3,
            "events": 2,
            "skipped": 0,
            "rejected": 1,
            "kinds": [
              {
                "sort_key": "(other)",
                "events": 2,
                "skipped": 0,
                "rejected": 0
              },
              {
                "sort_key": "HEAD",
                "events": 0,
                "skipped": 0,
                "rejected": 1
              }
            ],
            "reasons": [
              {
                "reason": "the event lacks `version`, its version; `[source]` in `client-queues.toml` says where it is",
                "is_skipped": false,
                "items": 1
              }
            ],
            "example": {
              "partition_key": "A",
              "sort_key": "2026-01-05T09:00:00Z",
              "group": "A",
              "version": 1,
              "time": "2026-01-05T09:00:00Z",
              "id": "1651ee6260ff2a08e097bb34cc815f530d25712a923de633dc8359f6491193ad",
              "attributes": [
                {
                  "name": "eventId",
                  "data_type": "String",
                  "value": "1651ee6260ff2a08e097bb34cc815f530d25712a923de633dc8359f6491193ad"
                },
                {
                  "name": "eventTime",
                  "data_type": "String",
                  "value": "2026-01-05T09:00:00Z"
                },
                {
                  "name": "version",
                  "data_type": "Number",
                  "value": "1"
                }
              ],
              "size": 186,
              "body": "{\"createTime\":\"2026-01-05T09:00:00Z\",\"mark\":\"A\",\"version\":1}"
            },
            "views": []
          }
        }"#]].assert_eq(&serde_json::to_string_pretty(&report).unwrap());
}
