//! An item of the aggregate was deleted; a group that is closed.

use super::*;

/// A group of which an item was deleted, message 0; clients 2 and 3 want to know.
fn hinted(item: &'static str, table: &'static str) -> Case {
    Case { registry: registry("A B:erasures C:erasures"), hints: &[0], ..case(item, "", table) }
}

#[test]
fn a_group_of_which_nothing_is_left_is_closed_and_the_clients_that_want_to_know_are_behind() {
    check(
        &hinted("v5", ""),
        &expect![
            "empty? first? the aggregate was erased: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [2, 3] closed}, cursor 2: new: incarnation1 position 5, cursor 3: new: incarnation1 position 5, due 2: in any case: incarnation1, due 3: in any case: incarnation1; settles [0]"
        ],
    );
    // Client 3 was sent nothing since it joined, and wants everything.
    check(
        &hinted("v5 sent:2=3,3=0", ""),
        &expect![
            "empty? first? the aggregate was erased: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [2, 3] closed}, cursor 2: new: incarnation1 position 5 last 3, cursor 3: new: incarnation1 position 5 last 0, due 2: in any case: incarnation1, due 3: in any case: incarnation1; settles [0]"
        ],
    );
    // In a later incarnation.
    check(
        &hinted("v5 incarnation2", ""),
        &expect![
            "empty? first? the aggregate was erased: {if 40: write_count41 v5 incarnation2 first a001 t5 revision2 behind [2, 3] closed}, cursor 2: new: incarnation2 position 5, cursor 3: new: incarnation2 position 5, due 2: in any case: incarnation2, due 3: in any case: incarnation2; settles [0]"
        ],
    );
}

#[test]
fn a_group_of_which_something_is_left_stays_as_it_is() {
    check(&hinted("v5", "5"), &expect!["empty? acknowledge"]);
    check(&hinted("v5", "1x"), &expect!["empty? acknowledge"]);
    check(&hinted("v5 closed", ""), &expect!["acknowledge"]);
    check(&hinted("-", ""), &expect!["acknowledge"]);
    check(&hinted("?", ""), &expect!["return: the ledger could not be read"]);
    check(&Case { registry: registry("A B C"), ..hinted("v5", "") }, &expect!["acknowledge"]);
}

#[test]
fn a_filtered_client_that_was_sent_nothing_is_not_told() {
    let filtered = |item| Case { filters: "A:odd B:none C:odd", ..hinted(item, "") };
    check(
        &filtered("v5 sent:2=0"),
        &expect![
            "empty? first? the aggregate was erased: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [3] 2=0 closed}, cursor 3: new: incarnation1 position 5, due 3: in any case: incarnation1; settles [0]"
        ],
    );
    check(
        &filtered("v5 last:0"),
        &expect![
            "empty? first? the aggregate was erased: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [] last 0 closed}; settles [0]"
        ],
    );
}

#[test]
fn a_filtered_client_that_was_sent_something_is_told_also_after_a_replay_that_brought_nothing() {
    check(
        &Case { filters: "A:odd B:none C:odd", ..hinted("v5 last:0 sent:2=replayed", "") },
        &expect![
            "empty? first? the aggregate was erased: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [2] last 0 closed}, cursor 2: new: incarnation1 position 5 last 0, due 2: in any case: incarnation1; settles [0]"
        ],
    );
}

#[test]
fn a_client_that_is_behind_is_due_a_notice_if_it_was_sent_something() {
    let behind = |cursor: Cursor| Case {
        filters: "B:odd",
        cursors: BTreeMap::from([(ClientId(2), cursor)]),
        ..hinted("v5 behind:2 incarnation1", "")
    };
    check(
        &behind(cursor(3, 0)),
        &expect![
            "empty? first? cursors 2? the aggregate was erased: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [2, 3] closed}, cursor 3: new: incarnation1 position 5, due 2: in any case: incarnation1, due 3: in any case: incarnation1; settles [0]"
        ],
    );
    check(
        &behind(cursor(0, 0)),
        &expect![
            "empty? first? cursors 2? the aggregate was erased: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [2, 3] closed}, cursor 3: new: incarnation1 position 5, due 3: in any case: incarnation1; settles [0]"
        ],
    );
    check(
        &behind(cursor(0, 4)),
        &expect![
            "empty? first? cursors 2? the aggregate was erased: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [2, 3] closed}, cursor 3: new: incarnation1 position 5, due 2: in any case: incarnation1, due 3: in any case: incarnation1; settles [0]"
        ],
    );
    check(
        &behind(Cursor { incarnation_number: 9, ..cursor(3, 0) }),
        &expect![
            "empty? first? cursors 2? the aggregate was erased: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [2, 3] closed}, cursor 3: new: incarnation1 position 5, due 2: in any case: incarnation1, due 3: in any case: incarnation1; settles [0]"
        ],
    );
}

#[test]
fn the_events_of_the_batch_come_first() {
    let with_events = |arrivals, table| Case { arrivals, ..hinted("v5", table) };
    check(&with_events("6", "1 5 6"), &expect!["send 6=#0 to A from 6, B from 6, C from 6; up to 6"]);
    check(&with_events("6", ""), &expect!["send 6=#0 to A from 6, B from 6, C from 6; up to 6"]);
    check(
        &Case { hints: &[1], ..with_events("6!", "1 5 6") },
        &expect!["received again: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind []}"],
    );
}

#[test]
fn a_closed_group_is_never_the_plain_case_and_whatever_is_there_is_of_a_new_incarnation() {
    check(&case("v5", "6", "1 6"), &expect!["send 6=#0 to A from 6, B from 6, C from 6; up to 6"]);
    check(&case("v5 closed", "6", ""), &expect!["whole? acknowledge; erased 6"]);
    check(
        &case("v5 closed", "6", "6"),
        &expect![
            "whole? a new incarnation: {if 40: write_count41 v0 incarnation2 first a006 t- revision2 behind []}"
        ],
    );
    // The first event of the old one is there again.
    check(
        &case("v5 closed", "1", "1"),
        &expect![
            "whole? a new incarnation: {if 40: write_count41 v0 incarnation2 first a001 t- revision2 behind []}"
        ],
    );
    check(
        &case("v5 closed behind:2", "1'@9", "1'@9 2'@9"),
        &expect![
            "whole? a new incarnation: {if 40: write_count41 v0 incarnation2 first b001 t- revision2 behind [2]}"
        ],
    );
    check(&case("v5 closed", "1'@9~", "2'@9"), &expect!["whole? acknowledge"]);
}

#[test]
fn nobody_joins_behind_in_a_closed_group() {
    let joins = |item| Case { registry: registry("A F:history"), ..case(item, "6", "1 6") };
    check(
        &joins("v5 revision1"),
        &expect![
            "membership changed: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [2]}, cursor 2: new: incarnation1 position 0"
        ],
    );
    check(
        &joins("v5 revision1 closed"),
        &expect![
            "membership changed: {if 40: write_count41 v5 incarnation1 first a001 t5 revision2 behind [] 2=0 closed}"
        ],
    );
}
