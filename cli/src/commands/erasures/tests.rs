use expect_test::{Expect, expect};
use shared::ids::{Group, IncarnationToken, Key};
use shared::ledger::WriteCount;

use super::*;

/// 2026-01-05T09:00:00Z
const NOW: u64 = 1_767_603_600_000;

/// The instant so many minutes ago.
fn ago(minutes: u64) -> Timestamp {
    Timestamp::from_millis(NOW - minutes * 60_000)
}

/// The receipt of an aggregate that was erased so many minutes ago.
fn receipt(key: &str, erased: u64, settled: Option<(Settlement, u64)>) -> (ReceiptPlace, ErasureReceipt) {
    let key = Key::S(key.to_owned());
    let place = ReceiptPlace { group: Group::of(&key), incarnation_number: 1 };
    let receipt = ErasureReceipt {
        write_count: WriteCount(1),
        key,
        token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
        closed_at: ago(erased),
        settled: settled.map(|(settlement, minutes)| (settlement, ago(minutes))),
        unknown: [].into(),
    };
    (place, receipt)
}

fn report(client: Option<&str>, wanting: &[&str], receipts: Vec<(String, Receipts)>, limit: usize) -> Report {
    Report {
        stack: "test".to_owned(),
        client: client.map(str::to_owned),
        wanting: wanting.iter().map(|&name| name.to_owned()).collect(),
        ..Report::new(receipts, limit, Timestamp::from_millis(NOW))
    }
}

fn some() -> Vec<(String, Receipts)> {
    let billing = Receipts {
        due: vec![receipt("AFC F5", 5, None)],
        settled: vec![
            receipt("B", 300, Some((Settlement::Told, 299))),
            receipt("C", 800, Some((Settlement::Superseded, 400))),
        ],
        left_out: 0,
    };
    let tax = Receipts {
        due: vec![receipt("AFC F5", 3_000, None)],
        settled: vec![receipt("B", 300, Some((Settlement::Retired, 20)))],
        left_out: 7,
    };
    vec![("Billing".to_owned(), billing), ("Tax".to_owned(), tax)]
}

fn check(report: &Report, expected: &Expect) {
    expected.assert_eq(&text(report, Style::Plain));
}

#[test]
fn due_notices_come_first_and_then_the_last_that_were_settled() {
    check(
        &report(None, &["Billing", "Tax"], some(), 2),
        &expect![[r#"
        client   group   incarnation       erased                state    at
        Tax      AFC F5  0123456789abcdef  2026-01-03T07:00:00Z  due                         -
        Billing  AFC F5  0123456789abcdef  2026-01-05T08:55:00Z  due                         -
        Tax      B       0123456789abcdef  2026-01-05T04:00:00Z  retired  2026-01-05T08:40:00Z
        Billing  B       0123456789abcdef  2026-01-05T04:00:00Z  told     2026-01-05T04:01:00Z

        2 notices due, the oldest for 2 d: `fanoutctl status --stack test` says what keeps a client from it
        8 older notices left out, which `--all` shows
    "#]],
    );
    let mut told = some();
    told.iter_mut().for_each(|(_, receipts)| receipts.due.clear());
    told.truncate(1);
    check(
        &report(Some("Billing"), &[], told, usize::MAX),
        &expect![[r#"
        client Billing is not told of erasures: it had no `erasures = true` when maintenance ran last, each minute
        client   group  incarnation       erased                state       at
        Billing  B      0123456789abcdef  2026-01-05T04:00:00Z  told        2026-01-05T04:01:00Z
        Billing  C      0123456789abcdef  2026-01-04T19:40:00Z  superseded  2026-01-05T02:20:00Z

        no notice is due
    "#]],
    );
}

#[test]
fn a_notice_that_is_late_is_red() {
    let rows = report(None, &["Tax"], some(), 0).erasures;
    let late: Vec<bool> = rows.iter().map(|row| row.due_seconds.unwrap() >= ERASURE_LATE.as_secs()).collect();
    assert_eq!(late, [true, false]);
}

#[test]
fn without_notices_it_says_whether_a_client_is_to_be_told_at_all() {
    check(
        &report(None, &[], Vec::new(), 2),
        &expect![[r#"
        no client is told of erasures: none had `erasures = true` when maintenance ran last, each minute
    "#]],
    );
    check(
        &report(Some("Billing"), &[], Vec::new(), 2),
        &expect![[r#"
        client Billing is not told of erasures: it had no `erasures = true` when maintenance ran last, each minute
    "#]],
    );
    check(
        &report(None, &["Billing"], Vec::new(), 2),
        &expect![[r#"
        no erasure was seen of which a client must be told
    "#]],
    );
}

#[test]
fn programs_get_the_seconds() {
    let mut report = report(None, &["Billing", "Tax"], some(), 1);
    report.erasures.remove(1);
    expect![[r#"
        {
          "stack": "test",
          "client": null,
          "wanting": [
            "Billing",
            "Tax"
          ],
          "erasures": [
            {
              "client": "Tax",
              "group": "AFC%20F5",
              "key": {
                "S": "AFC F5"
              },
              "incarnation": "0123456789abcdef",
              "erased": "2026-01-03T07:00:00Z",
              "state": "due",
              "at": null,
              "due_seconds": 180000
            },
            {
              "client": "Tax",
              "group": "B",
              "key": {
                "S": "B"
              },
              "incarnation": "0123456789abcdef",
              "erased": "2026-01-05T04:00:00Z",
              "state": "retired",
              "at": "2026-01-05T08:40:00Z",
              "due_seconds": null
            }
          ],
          "left_out": 9
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&report).unwrap());
}
