//! The rule's table, and what follows from it for whole streams.

use super::*;

mod stream;

/// In each row a state, a message, and the verdict, in the notation of [`state`], [`message`] and [`shown`].
#[track_caller]
fn check(settings: ConsumerSettings, rows: &[(&str, &str, &str)]) {
    for (before, received, expected) in rows {
        let verdict = decide(state(before).as_ref(), &message(received), &settings);
        assert_eq!(shown(&verdict), *expected, "{before} | {received}");
    }
}

const ANYWHERE: ConsumerSettings = ConsumerSettings { first_version: 1, start: Start::Anywhere };
const FROM_THE_BEGINNING: ConsumerSettings =
    ConsumerSettings { first_version: 1, start: Start::FromTheBeginning };

/// `A`, and no incarnation for `-`.
fn incarnation(letter: &str) -> Option<IncarnationToken> {
    (letter != "-").then(|| IncarnationToken::try_new(&letter.to_lowercase().repeat(16)).unwrap())
}

fn number(text: &str) -> i64 {
    text.parse().unwrap()
}

/// `5 A` for version 5 of incarnation A, `5 A 6 B` if a replay from 6 was asked for because of a message of B, `5 A 6 B r1`
/// if that was of replay r1; with `!` behind it if that could not be sent; `none` for no state.
fn state(text: &str) -> Option<ConsumerState> {
    let words: Vec<&str> = text.trim_end_matches('!').split(' ').collect();
    let [version, of, asked @ ..] = words.as_slice() else { return None };
    let asked = asked.split_first().map(|(from, rest)| AskedReplay {
        from: number(from),
        incarnation: incarnation(rest[0]),
        shown_by: rest.get(1).map(|id| ReplayId::try_new(id).unwrap()),
        is_sent: !text.ends_with('!'),
    });
    Some(ConsumerState { version: number(version), incarnation: incarnation(of), asked })
}

/// `5>6 A` for version 6 after version 5, `?>6 A` after an unknown one, in incarnation A; then perhaps `erased`, or a
/// replay.
fn message(text: &str) -> ReceivedMessage {
    let words: Vec<&str> = text.split(' ').collect();
    let (previous, version) = words[0].split_once('>').unwrap();
    let mark = words.get(2).copied();
    ReceivedMessage {
        version: number(version),
        previous_version: (previous != "?").then(|| number(previous)),
        incarnation: incarnation(words[1]),
        is_erasure: mark == Some("erased"),
        replay: mark.filter(|mark| *mark != "erased").map(|id| ReplayId::try_new(id).unwrap()),
    }
}

fn shown(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Take { state, begins: false } => format!("take {}", shown_state(state)),
        Verdict::Take { state, begins: true } => format!("begin {}", shown_state(state)),
        Verdict::Had => "had".to_owned(),
        Verdict::Forget(state) => format!("forget {}", shown_state(state)),
        Verdict::Ask(state) => format!("ask {}", shown_state(state)),
        Verdict::Wait => "wait".to_owned(),
        Verdict::Refuse => "refuse".to_owned(),
    }
}

fn shown_state(ConsumerState { version, incarnation, asked }: &ConsumerState) -> String {
    let letter = |token: &Option<IncarnationToken>| {
        token.as_ref().and_then(|token| token.as_str().chars().next()).unwrap_or('-').to_ascii_uppercase()
    };
    let mut shown = format!("{version} {}", letter(incarnation));
    if let Some(AskedReplay { from, incarnation, shown_by, is_sent }) = asked {
        shown += &format!(" {from} {}", letter(incarnation));
        shown.extend(shown_by.iter().map(|id| format!(" {id}")));
        shown += if *is_sent { "" } else { "!" };
    }
    shown
}

#[test]
fn an_aggregate_without_state_begins_anywhere_or_from_the_beginning() {
    let rows =
        [("none", "0>1 A", "begin 1 A"), ("none", "0>3 A", "begin 3 A"), ("none", "0>3 A r1", "begin 3 A")];
    check(ANYWHERE, &rows);
    check(FROM_THE_BEGINNING, &rows);
    check(ANYWHERE, &[("none", "6>7 A", "begin 7 A")]);
    check(
        FROM_THE_BEGINNING,
        &[
            ("none", "6>7 A", "ask 0 - 1 A"),
            ("0 - 1 A", "7>8 A", "wait"),
            ("0 - 1 A", "0>1 A r1", "begin 1 A"),
            // The aggregate was erased meanwhile, and began anew.
            ("0 - 1 A", "3>4 B", "ask 0 - 1 B"),
            ("0 - 1 A", "0>1 B", "begin 1 B"),
        ],
    );
}

#[test]
fn in_one_incarnation_versions_and_predecessors_decide() {
    let rows = [
        ("5 A", "3>4 A", "had"),
        ("5 A", "4>5 A", "had"),
        ("5 A", "0>1 A", "had"),
        ("5 A", "4>5 A r1", "had"),
        ("5 A", "5>6 A", "take 6 A"),
        // Versions between were not for this client, or its predecessor was guessed too low.
        ("5 A", "5>9 A", "take 9 A"),
        ("5 A", "2>9 A", "take 9 A"),
        ("5 A", "0>9 A", "take 9 A"),
        ("5 A", "6>7 A", "ask 5 A 6 A"),
        ("5 A", "8>9 A", "ask 5 A 6 A"),
        ("5 A", "6>7 A r1", "ask 5 A 6 A r1"),
    ];
    check(ANYWHERE, &rows);
    check(FROM_THE_BEGINNING, &rows);
}

#[test]
fn a_replay_is_asked_for_once_and_again_if_it_has_the_gap_too() {
    check(
        ANYWHERE,
        &[
            ("5 A 6 A", "7>8 A", "wait"),
            ("5 A 6 A!", "7>8 A", "ask 5 A 6 A"),
            ("5 A 6 A r1!", "7>8 A r1", "ask 5 A 6 A r1"),
            ("5 A 6 A", "4>5 A", "had"),
            ("5 A 6 A", "5>6 A r1", "take 6 A"),
            ("5 A 6 A", "5>6 A", "take 6 A"),
            ("5 A 6 A", "6>7 A r1", "ask 5 A 6 A r1"),
            ("5 A 6 A r1", "7>8 A r1", "wait"),
            ("5 A 6 A r1", "8>9 A", "wait"),
            ("5 A 6 A r1", "6>7 A r2", "ask 5 A 6 A r2"),
            // What comes next has a gap of its own.
            ("6 A", "7>8 A r1", "ask 6 A 7 A r1"),
        ],
    );
}

#[test]
fn another_incarnation_begins_with_what_has_no_predecessor() {
    let rows = [
        ("5 A", "0>1 B", "begin 1 B"),
        ("5 A", "0>7 B", "begin 7 B"),
        ("5 A 6 A", "0>1 B", "begin 1 B"),
        ("5 A", "1>2 B", "ask 5 A 1 B"),
        ("5 A", "6>7 B", "ask 5 A 1 B"),
        ("5 A 6 A", "1>2 B", "ask 5 A 1 B"),
        ("5 A 1 B", "2>3 B", "wait"),
        ("5 A 1 B", "0>1 B r1", "begin 1 B"),
        ("5 A 1 B", "1>2 B r1", "ask 5 A 1 B r1"),
    ];
    check(ANYWHERE, &rows);
    check(FROM_THE_BEGINNING, &rows);
}

#[test]
fn a_notice_of_erasure_ends_its_own_incarnation() {
    let rows = [
        ("5 A", "5>6 A erased", "forget 6 A"),
        // What was lost before it is gone.
        ("5 A", "7>8 A erased", "forget 8 A"),
        ("5 A 6 A", "7>8 A erased", "forget 8 A"),
        ("6 A", "5>6 A erased", "forget 6 A"),
        ("9 A", "5>6 A erased", "forget 9 A"),
        ("5 B", "5>6 A erased", "had"),
        ("5 B", "7>8 A erased", "had"),
        // All that came of A fell out: nothing is left of the incarnation before either.
        ("5 B 1 A", "7>8 A erased", "forget 8 A"),
        ("5 B 6 B", "7>8 A erased", "had"),
        // Nothing of B was sent: what is there is of an incarnation before it.
        ("5 A", "0>6 B erased", "forget 6 B"),
        ("5 A", "5>6 B erased", "had"),
        ("none", "5>6 A erased", "forget 6 A"),
        ("0 - 1 A", "5>6 A erased", "forget 6 A"),
        ("0 - 1 B", "5>6 A erased", "forget 6 A"),
        ("5 -", "7>8 A erased", "forget 8 A"),
        ("9 -", "7>8 A erased", "had"),
        ("5 A", "?>6 - erased", "forget 6 A"),
    ];
    check(ANYWHERE, &rows);
    check(FROM_THE_BEGINNING, &rows);
}

#[test]
fn what_was_forgotten_does_not_come_back() {
    // The state after `forget`.
    let rows = [
        ("6 A", "4>5 A", "had"),
        ("6 A", "0>1 A r1", "had"),
        ("6 A", "0>1 B", "begin 1 B"),
        ("6 A", "1>2 B", "ask 6 A 1 B"),
    ];
    check(ANYWHERE, &rows);
}

#[test]
fn a_state_without_incarnation_adopts_that_of_what_it_takes() {
    check(
        ANYWHERE,
        &[
            ("5 -", "5>6 A", "take 6 A"),
            ("5 -", "3>9 A", "take 9 A"),
            ("5 -", "4>5 A", "had"),
            ("5 -", "0>1 A", "had"),
            ("5 -", "6>7 A", "ask 5 - 6 A"),
            ("5 - 6 A", "7>8 A", "wait"),
            ("5 - 6 A", "5>6 A r1", "take 6 A"),
        ],
    );
}

#[test]
fn without_the_chain_versions_alone_decide() {
    let rows = [
        ("none", "?>7 A", "begin 7 A"),
        ("none", "?>7 -", "begin 7 -"),
        ("5 A", "?>5 A", "had"),
        ("5 A", "?>7 A", "take 7 A"),
        ("5 A", "?>7 -", "take 7 A"),
        ("5 A", "?>1 -", "had"),
        ("5 A", "?>7 B", "begin 7 B"),
        ("5 -", "?>7 -", "take 7 -"),
        ("5 -", "6>8 -", "ask 5 - 6 -"),
    ];
    check(ANYWHERE, &rows);
    check(FROM_THE_BEGINNING, &rows);
}

#[test]
fn a_source_may_count_from_0() {
    for start in [Start::Anywhere, Start::FromTheBeginning] {
        check(
            ConsumerSettings { first_version: 0, start },
            &[
                ("none", "-1>0 A", "begin 0 A"),
                ("none", "-1>2 A", "begin 2 A"),
                ("0 A", "-1>0 A", "had"),
                ("0 A", "0>1 A", "take 1 A"),
                ("0 A", "1>2 A", "ask 0 A 1 A"),
                ("5 A", "-1>0 B", "begin 0 B"),
                ("5 A", "0>1 B", "ask 5 A 0 B"),
            ],
        );
    }
    let settings = ConsumerSettings { first_version: 0, start: Start::FromTheBeginning };
    check(settings, &[("none", "0>1 A", "ask -1 - 0 A"), ("-1 - 0 A", "-1>0 A r1", "begin 0 A")]);
}

#[test]
fn what_can_not_be_is_refused_and_extremes_are_numbers() {
    let (min, max) = (i64::MIN, i64::MAX);
    for before in ["none", "5 A", "5 -", "0 - 1 A", "5 A 6 A"] {
        for received in ["-1>0 A", "?>0 A", "?>-7 -", "5>5 A", "7>6 B", "7>6 A erased", "-1>0 A erased"] {
            check(ANYWHERE, &[(before, received, "refuse")]);
        }
    }
    check(
        ANYWHERE,
        &[
            ("5 A", &format!("5>{max} A"), &format!("take {max} A")),
            ("5 A", &format!("{min}>6 A"), "take 6 A"),
            (&format!("{max} A"), &format!("5>{max} A"), "had"),
            // A state that another setting left.
            (&format!("{min} A"), "0>1 A", "begin 1 A"),
            (&format!("{min} A"), "1>2 A", &format!("ask {min} A 1 A")),
        ],
    );
    let settings = ConsumerSettings { first_version: min, start: Start::FromTheBeginning };
    check(settings, &[("none", &format!("?>{min} A"), &format!("begin {min} A"))]);
}
