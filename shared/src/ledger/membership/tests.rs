use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;
use crate::pattern::Pattern;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn name(text: &str) -> ClientName {
    ClientName::try_new(text).unwrap()
}

/// `A B+ C=x` are three clients: the second wants history, the third has the filter `x`.
fn file(text: &str) -> BTreeMap<ClientName, FileRegistration> {
    let client = |word: &str| {
        let (word, filter) = word.split_once('=').unwrap_or((word, ""));
        (name(word.trim_end_matches('+')), in_file(word.ends_with('+'), filter))
    };
    text.split_whitespace().map(client).collect()
}

fn in_file(history: bool, filter: &str) -> FileRegistration {
    let pattern =
        |text: &str| Pattern::try_from_json("filter", &format!(r#"{{"kind": ["{text}"]}}"#)).unwrap();
    let filter = (!filter.is_empty()).then(|| pattern(filter));
    FileRegistration { history, filter: FilterDigest::of(filter.as_ref()), erasures: false }
}

fn ago(minutes: u64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() - minutes * 60_000)
}

fn shown(registry: &Registry) -> String {
    let minutes = |at: Option<Timestamp>| at.map(|at| NOW.since(at).as_secs() / 60);
    let mut lines = vec![format!("write_count {} revision {}", registry.write_count.0, registry.revision)];
    for (name, client) in &registry.clients {
        let mut line = format!("{name} {} {:?} since {}", client.id.0, client.state, client.since);
        line += if client.history { " history" } else { "" };
        line += if client.filter == FilterDigest::of(None) { "" } else { " filtered" };
        line += &minutes(client.absent_at).map(|minutes| format!(" absent {minutes}")).unwrap_or_default();
        line += &minutes(client.retired_at).map(|minutes| format!(" retired {minutes}")).unwrap_or_default();
        lines.push(line);
    }
    lines.join("\n")
}

/// A registry of revision 5 with the clients A (1), B (2, absent and retired for this many minutes), C (3).
fn registry(state: State, absent: Option<u64>, retired: Option<u64>) -> Registry {
    let mut clients: BTreeMap<_, _> = ["A", "B", "C"]
        .into_iter()
        .zip(1..)
        .map(|(client, id)| (name(client), join(ClientId(id), &in_file(false, ""), 1)))
        .collect();
    let b = clients.get_mut(&name("B")).unwrap();
    *b = Registration { state, absent_at: absent.map(ago), retired_at: retired.map(ago), ..b.clone() };
    Registry { write_count: WriteCount(7), revision: 5, start: ago(0), clients, unknown: [].into() }
}

fn check(registry: &Registry, in_file: &str, unmarked: &[u32], expected: Expect) {
    let unmarked = unmarked.iter().copied().map(ClientId).collect();
    let after = settle(Some(registry), &file(in_file), &unmarked, NOW);
    expected.assert_eq(&after.as_ref().map_or("as it is".to_owned(), shown));
    if let Some(after) = after {
        assert_eq!(after.start, registry.start);
        // A second settlement changes nothing.
        assert_eq!(settle(Some(&after), &file(in_file), &unmarked, NOW), None);
    }
}

#[test]
fn a_new_ledger_has_all_clients_and_starts_a_day_back() {
    let made = settle(None, &file("B A+"), &BTreeSet::new(), NOW).unwrap();
    expect![[r#"
        write_count 1 revision 1
        A 1 Live since 1 history
        B 2 Live since 1"#]]
    .assert_eq(&shown(&made));
    assert_eq!(NOW.since(made.start), Duration::from_secs(24 * 3_600));
}

#[test]
fn a_new_client_is_admitted_under_an_id_of_its_own() {
    let live = registry(State::Live, None, None);
    check(&live, "A B C", &[], expect!["as it is"]);
    check(
        &live,
        "A B C D E+",
        &[],
        expect![[r#"
            write_count 8 revision 6
            A 1 Live since 1
            B 2 Live since 1
            C 3 Live since 1
            D 4 Live since 6
            E 5 Live since 6 history"#]],
    );
    // `history` counts only at the admission.
    check(&live, "A+ B C", &[], expect!["as it is"]);
}

#[test]
fn an_absent_client_is_retired_after_an_hour_and_not_before() {
    check(
        &registry(State::Live, None, None),
        "A C",
        &[],
        expect![[r#"
            write_count 8 revision 5
            A 1 Live since 1
            B 2 Live since 1 absent 0
            C 3 Live since 1"#]],
    );
    check(&registry(State::Live, Some(59), None), "A C", &[], expect!["as it is"]);
    for state in [State::Live, State::Paused] {
        check(
            &registry(state, Some(60), None),
            "A C",
            &[],
            expect![[r#"
                write_count 8 revision 6
                A 1 Live since 1
                B 2 Retired since 1 absent 60 retired 0
                C 3 Live since 1"#]],
        );
    }
    check(&registry(State::Retired, Some(600), Some(500)), "A C", &[2], expect!["as it is"]);
}

#[test]
fn a_client_that_is_back_in_time_keeps_its_registration() {
    check(
        &registry(State::Paused, Some(300), None),
        "A B C",
        &[],
        expect![[r#"
            write_count 8 revision 5
            A 1 Live since 1
            B 2 Paused since 1
            C 3 Live since 1"#]],
    );
}

#[test]
fn a_retired_client_is_admitted_under_another_id_late_and_without_cursors() {
    check(&registry(State::Retired, Some(119), Some(59)), "A B C", &[2], expect!["as it is"]);
    check(&registry(State::Retired, Some(120), Some(60)), "A B C", &[1, 3], expect!["as it is"]);
    check(
        &registry(State::Retired, Some(120), Some(60)),
        "A B+ C",
        &[2],
        expect![[r#"
            write_count 8 revision 6
            A 1 Live since 1
            B 4 Live since 6 history
            C 3 Live since 1"#]],
    );
}

#[test]
fn another_filter_is_another_revision() {
    let with = |filters: &str| {
        let mut registry = registry(State::Live, None, None);
        for (name, in_file) in file(filters) {
            registry.clients.get_mut(&name).unwrap().filter = in_file.filter;
        }
        registry
    };
    check(&with("C=x"), "A B C=x", &[], expect!["as it is"]);
    check(
        &with("C=x"),
        "A B C=y",
        &[],
        expect![[r#"
        write_count 8 revision 6
        A 1 Live since 1
        B 2 Live since 1
        C 3 Live since 1 filtered"#]],
    );
    check(
        &with("C=x"),
        "A B=x C",
        &[],
        expect![[r#"
        write_count 8 revision 6
        A 1 Live since 1
        B 2 Live since 1 filtered
        C 3 Live since 1"#]],
    );
    // Of who is absent, the filter stays.
    check(
        &with("C=x"),
        "A=y B",
        &[],
        expect![[r#"
        write_count 8 revision 6
        A 1 Live since 1 filtered
        B 2 Live since 1
        C 3 Live since 1 filtered absent 0"#]],
    );
}

#[test]
fn the_client_that_was_retired_first_makes_room() {
    let mut full = registry(State::Live, None, None);
    for id in 4..=u32::try_from(CLIENTS_LIMIT).unwrap() {
        let retired = Registration {
            state: State::Retired,
            retired_at: Some(ago(u64::from(100 + id))),
            ..join(ClientId(id), &in_file(false, ""), 1)
        };
        full.clients.insert(name(&format!("Old{id}")), retired);
    }
    let settled = |unmarked: &[u32]| {
        let unmarked = unmarked.iter().copied().map(ClientId).collect();
        settle(Some(&full), &file("A B C New"), &unmarked, NOW)
    };
    // A client with cursors is kept, and so is the one with the highest id.
    assert_eq!(settled(&[]), None);
    assert_eq!(settled(&[1_000]), None);
    let after = settled(&[10, 11, 12, 1_000]).unwrap();
    assert_eq!(after.clients.len(), CLIENTS_LIMIT);
    assert!(!after.clients.contains_key(&name("Old12")), "the longest ago");
    assert_eq!(after.clients[&name("New")].id, ClientId(1_001));
}
