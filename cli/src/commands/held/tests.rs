use expect_test::{Expect, expect};
use shared::ids::{Group, Key};

use super::*;

/// 2026-01-05T09:00:00Z
const NOW: u64 = 1_767_603_600_000;

/// A group that has been held for so many minutes.
fn held(key: &str, next: i64, minutes: u64, skipped: &[i64]) -> GroupBehind {
    let skipped =
        skipped.iter().map(|version| SkippedEvent { version: *version, reason: "withdrawn".into() });
    let key = Key::S(key.to_owned());
    GroupBehind {
        group: Group::of(&key),
        key: TypedKey::from(&key),
        has: next - 1,
        version: next + 4,
        since: Timestamp::from_millis(NOW - minutes * 60_000),
        is_erased: false,
        settles_at: None,
        hold: Some(Hold {
            reason: format!("version {next} breaks the import"),
            by: "arn:aws:iam::111122223333:user/ann".to_owned(),
            since: Timestamp::from_millis(NOW - minutes * 60_000),
            skipped: skipped.collect(),
        }),
    }
}

fn report(stack: &str) -> Report {
    let of = |client: &str, held| (client.to_owned(), held);
    let groups = vec![
        of("Billing", held("AFC F5", 7, 5, &[])),
        of("Billing", held("B", 1, 59, &[])),
        of("Tax", held("AFC F5", 12, 200, &[9, 11])),
    ];
    Report::new(stack.to_owned(), None, groups, Timestamp::from_millis(NOW))
}

fn check(report: &Report, style: Style, expected: &Expect) {
    expected.assert_eq(&text(report, style));
}

#[test]
fn the_oldest_comes_first_with_the_commands_that_end_it() {
    check(
        &report("test"),
        Style::Plain,
        &expect![[r#"
            client   group   next version  held for  skipped  by                                  reason
            Tax      AFC F5            12       3 h  9 11     arn:aws:iam::111122223333:user/ann  version 12 breaks the import
            Billing  B                  1    59 min           arn:aws:iam::111122223333:user/ann  version 1 breaks the import
            Billing  AFC F5             7     5 min           arn:aws:iam::111122223333:user/ann  version 7 breaks the import

            3 groups held. To send the oldest again, when its cause is mended; or to leave out its next event first:
              fanoutctl release Tax --group 'AFC F5' --stack test
              fanoutctl skip Tax --group 'AFC F5' --version 12 --reason … --stack test
        "#]],
    );
    check(
        &report("mark-event-queue"),
        Style::Terminal,
        &expect![[r#"
            ┌─────────┬────────┬──────────────┬──────────┬─────────┬────────────────────────────────────┬──────────────────────────────┐
            │ client  ┆ group  ┆ next version ┆ held for ┆ skipped ┆ by                                 ┆ reason                       │
            ╞═════════╪════════╪══════════════╪══════════╪═════════╪════════════════════════════════════╪══════════════════════════════╡
            │ Tax     ┆ AFC F5 ┆           12 ┆      3 h ┆ 9 11    ┆ arn:aws:iam::111122223333:user/ann ┆ version 12 breaks the import │
            │ Billing ┆ B      ┆            1 ┆   59 min ┆         ┆ arn:aws:iam::111122223333:user/ann ┆ version 1 breaks the import  │
            │ Billing ┆ AFC F5 ┆            7 ┆    5 min ┆         ┆ arn:aws:iam::111122223333:user/ann ┆ version 7 breaks the import  │
            └─────────┴────────┴──────────────┴──────────┴─────────┴────────────────────────────────────┴──────────────────────────────┘

            3 groups held. To send the oldest again, when its cause is mended; or to leave out its next event first:
              fanoutctl release Tax --group 'AFC F5'
              fanoutctl skip Tax --group 'AFC F5' --version 12 --reason …
        "#]],
    );
}

#[test]
fn what_push_holds_is_released_by_its_reason() {
    let mut report = report("test");
    let (by, reason) = ("push".to_owned(), "413: too large".to_owned());
    report
        .groups
        .iter_mut()
        .skip(1)
        .for_each(|group| (group.by, group.reason) = (by.clone(), reason.clone()));
    check(
        &report,
        Style::Plain,
        &expect![[r#"
        client   group   next version  held for  skipped  by                                  reason
        Tax      AFC F5            12       3 h  9 11     arn:aws:iam::111122223333:user/ann  version 12 breaks the import
        Billing  B                  1    59 min           push                                413: too large
        Billing  AFC F5             7     5 min           push                                413: too large

        3 groups held. To send the oldest again, when its cause is mended; or to leave out its next event first:
          fanoutctl release Tax --group 'AFC F5' --stack test
          fanoutctl skip Tax --group 'AFC F5' --version 12 --reason … --stack test
        All of a client that push holds for one reason, when the target is mended:
          fanoutctl release Billing --all --reason … --stack test
    "#]],
    );
}

#[test]
fn nothing_is_held() {
    let report = |client: Option<&str>| {
        let client = client.map(str::to_owned);
        Report::new("test".to_owned(), client, Vec::new(), Timestamp::from_millis(NOW))
    };
    check(
        &report(None),
        Style::Plain,
        &expect![[r#"
        no group is held
    "#]],
    );
    check(
        &report(Some("Billing")),
        Style::Plain,
        &expect![[r#"
        no group is held for client Billing
    "#]],
    );
}

#[test]
fn programs_get_the_reasons() {
    let mut report = report("test");
    report.groups.truncate(1);
    expect![[r#"
        {
          "stack": "test",
          "client": null,
          "groups": [
            {
              "client": "Tax",
              "group": "AFC%20F5",
              "key": {
                "S": "AFC F5"
              },
              "next": 12,
              "reason": "version 12 breaks the import",
              "by": "arn:aws:iam::111122223333:user/ann",
              "since": "2026-01-05T05:40:00Z",
              "seconds": 12000,
              "skipped": [
                {
                  "version": 9,
                  "reason": "withdrawn"
                },
                {
                  "version": 11,
                  "reason": "withdrawn"
                }
              ]
            }
          ]
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&report).unwrap());
}
