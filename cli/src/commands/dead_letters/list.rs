//! `fanoutctl dead-letters list`.

use std::time::Duration;

use serde::Serialize;
use shared::config::Source;

use super::held::Held;
use super::look::{Glance, LOOKING_SAID, Looked, Sight, look};
use super::places::Places;
use super::source;
use crate::args::ListArguments;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::letters::{Letter, LetterQueue, instant, shortest};
use crate::output::{Style, Tone, table};
use crate::progress::unless_quick;

/// For how long letters are hidden should this process not come to show them again: thousands are looked at meanwhile.
pub(super) const LOOKING: Duration = Duration::from_secs(120);

/// The most characters of a reason in the table; `show` and JSON have all of it.
const REASON_SHOWN: usize = 60;
/// The most characters of a group or an event's id in the table.
const ID_SHOWN: usize = 40;

const FIRST_OF_GROUP: &str = "of each group SQS shows the first letters only, later ones when those are gone, and none that others look at";
const LIMIT: &str = "more than `--limit` are not looked at";

/// Letters, and how many there are besides.
#[derive(Debug, Serialize)]
struct List<'s> {
    letters: Vec<Entry<'s>>,
    queues: Vec<QueueEntry>,
}

#[derive(Debug, Serialize)]
struct Entry<'s> {
    id: &'s str,
    /// As much of the id as the other commands need.
    #[serde(skip)]
    short_id: &'s str,
    queue: LetterQueue,
    client: Option<&'s str>,
    group: &'s str,
    event_id: Option<&'s str>,
    version: Option<u64>,
    since: Option<String>,
    reason: &'s str,
}

#[derive(Debug, Serialize)]
struct QueueEntry {
    queue: LetterQueue,
    messages: u64,
    shown: usize,
    /// Why not all are shown.
    reason: Option<&'static str>,
}

/// Lists the letters that can be seen.
///
/// # Errors
///
/// [`Failure`]: the stack or its queues can't be looked at.
pub(super) async fn execute(context: &Context, arguments: &ListArguments) -> Result<Exit, Failure> {
    let target = context.target().await?;
    let places = Places::of_stack(context, &target).await?;
    let source = source(context);
    let held = Held::new(aws_sdk_sqs::Client::new(target.sdk_config()));
    let glance = Glance { limit: arguments.limit, invisible: LOOKING, source: source.as_ref() };
    let sight = unless_quick(LOOKING_SAID, look(&held, &places, glance, |_| true)).await;
    held.release().await;
    let sight = sight?;
    context.output.print(&list(&sight, arguments.limit, source.as_ref()), text)?;
    Ok(Exit::Done)
}

fn list<'s>(sight: &'s Sight, limit: usize, source: Option<&Source>) -> List<'s> {
    let ids: Vec<&str> = sight.letters.iter().map(|letter| letter.message.id.as_str()).collect();
    let entry = |letter: &'s Letter| Entry {
        id: &letter.message.id,
        short_id: shortest(&letter.message.id, &ids),
        queue: letter.queue,
        client: letter.client().map(|client| client.as_str()),
        group: letter.group(),
        event_id: letter.event_id(),
        version: letter.version(source),
        since: letter.since().map(instant),
        reason: letter.reason(),
    };
    let queue = |looked: &Looked| {
        let reason = if looked.shown < limit { FIRST_OF_GROUP } else { LIMIT };
        let is_part = (looked.shown as u64) < looked.messages;
        QueueEntry {
            queue: looked.queue,
            messages: looked.messages,
            shown: looked.shown,
            reason: is_part.then_some(reason),
        }
    };
    List {
        letters: sight.letters.iter().map(entry).collect(),
        queues: sight.queues.iter().map(queue).collect(),
    }
}

fn text(list: &List<'_>, style: Style) -> String {
    let mut text = String::new();
    if !list.letters.is_empty() {
        let header = ["id", "queue", "client", "group", "event", "version", "since", "reason"];
        text += &table(&header, &list.letters.iter().map(row).collect::<Vec<_>>(), style);
        text.push('\n');
    } else if list.queues.iter().all(|queue| queue.messages == 0) {
        text += "no letters: nothing is rejected, undelivered or in the dead-letter queue\n";
    }
    for queue in &list.queues {
        if let Some(reason) = queue.reason {
            text += &format!("{}: showing {} of {}; {reason}\n", queue.queue, queue.shown, queue.messages);
        }
    }
    text
}

fn row(entry: &Entry<'_>) -> Vec<(String, Tone)> {
    let shown = |text: Option<&str>, most| shortened(text.unwrap_or("-"), most);
    let cells = [
        entry.short_id.to_owned(),
        entry.queue.word().to_owned(),
        shown(entry.client, ID_SHOWN),
        shown(Some(entry.group), ID_SHOWN),
        shown(entry.event_id, ID_SHOWN),
        entry.version.map_or_else(|| "-".to_owned(), |version| version.to_string()),
        shown(entry.since.as_deref(), ID_SHOWN),
        shown(Some(entry.reason), REASON_SHOWN),
    ];
    cells.into_iter().map(|cell| (cell, Tone::Neutral)).collect()
}

/// The beginning of `text`, at most `most` characters; the table escapes what a terminal would act on.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::letters::samples::{self, source};

    fn sight(letters: Vec<Letter>, waiting: [u64; 3]) -> Sight {
        let queues = LetterQueue::ALL.iter().zip(waiting).map(|(queue, waiting)| {
            let shown = letters.iter().filter(|letter| letter.queue == *queue).count();
            Looked { queue: *queue, messages: shown as u64 + waiting, shown }
        });
        Sight { queues: queues.collect(), letters, seen: Vec::new() }
    }

    fn check(sight: &Sight, expected: &Expect) {
        expected.assert_eq(&text(&list(sight, 3, Some(&source(""))), Style::Plain));
    }

    fn letters() -> Vec<Letter> {
        let hostile =
            samples::undelivered_because("Billing", "A", "red \u{1b}[31m and\nlong ".repeat(9).trim());
        vec![
            samples::rejected("e-3"),
            samples::unreadable_record(),
            samples::undelivered("Billing", "AFC%20F5", Some("2"), "{}"),
            hostile,
            samples::without_client(),
            samples::dead_letter("X1%20ABC", "{}"),
        ]
    }

    #[test]
    fn a_table_tells_each_letter_and_how_many_are_not_shown() {
        check(
            &sight(letters(), [0, 27, 0]),
            &expect![[r#"
                id        queue        client   group      event  version  since                 reason
                00000003  rejected     -        AFC%20F5   e-3          3  2026-01-05T09:00:00Z  the event lacks `eventId`, its id; `[source]` in `client-qu…
                00000004  rejected     -        ~rejected  -            -  2026-01-05T09:00:00Z  not a stream record: it has no `eventName`
                00000005  undelivered  Billing  AFC%20F5   e-2          2  2026-01-05T09:00:00Z  the queue does not exist (`QueueDoesNotExist`)
                00000006  undelivered  Billing  A          -            -  2026-01-05T09:00:00Z  red \u{1b}[31m and\nlong red \u{1b}[31m and\nlong red \u{1b}[31m and\nlong re…
                00000007  undelivered  -        A          -            -  2026-01-05T09:00:00Z  not a message of the fan-out: it has no attribute `client`
                00000008  dead-letter  -        X1%20ABC   e-9          9  2026-01-05T09:00:00Z  the fan-out could not process the message; its log says why
                undelivered queue: showing 3 of 30; more than `--limit` are not looked at
            "#]],
        );
    }

    #[test]
    fn nothing_is_told_too() {
        check(
            &sight(Vec::new(), [0, 0, 0]),
            &expect![[r#"
            no letters: nothing is rejected, undelivered or in the dead-letter queue
        "#]],
        );
        check(
            &sight(Vec::new(), [0, 0, 3]),
            &expect![[r#"
                dead-letter queue: showing 0 of 3; of each group SQS shows the first letters only, later ones when those are gone, and none that others look at
            "#]],
        );
    }

    #[test]
    fn programs_get_everything_but_bodies() {
        let sight = sight(letters(), [0, 27, 0]);
        let json = serde_json::to_string_pretty(&list(&sight, 100, Some(&source("")))).unwrap();
        expect![[r#"
            {
              "letters": [
                {
                  "id": "00000003-0000-4000-8000-000000000000",
                  "queue": "rejected",
                  "client": null,
                  "group": "AFC%20F5",
                  "event_id": "e-3",
                  "version": 3,
                  "since": "2026-01-05T09:00:00Z",
                  "reason": "the event lacks `eventId`, its id; `[source]` in `client-queues.toml` says where it is"
                },
                {
                  "id": "00000004-0000-4000-8000-000000000000",
                  "queue": "rejected",
                  "client": null,
                  "group": "~rejected",
                  "event_id": null,
                  "version": null,
                  "since": "2026-01-05T09:00:00Z",
                  "reason": "not a stream record: it has no `eventName`"
                },
                {
                  "id": "00000005-0000-4000-8000-000000000000",
                  "queue": "undelivered",
                  "client": "Billing",
                  "group": "AFC%20F5",
                  "event_id": "e-2",
                  "version": 2,
                  "since": "2026-01-05T09:00:00Z",
                  "reason": "the queue does not exist (`QueueDoesNotExist`)"
                },
                {
                  "id": "00000006-0000-4000-8000-000000000000",
                  "queue": "undelivered",
                  "client": "Billing",
                  "group": "A",
                  "event_id": null,
                  "version": null,
                  "since": "2026-01-05T09:00:00Z",
                  "reason": "red \u001b[31m and\nlong red \u001b[31m and\nlong red \u001b[31m and\nlong red \u001b[31m and\nlong red \u001b[31m and\nlong red \u001b[31m and\nlong red \u001b[31m and\nlong red \u001b[31m and\nlong red \u001b[31m and\nlong"
                },
                {
                  "id": "00000007-0000-4000-8000-000000000000",
                  "queue": "undelivered",
                  "client": null,
                  "group": "A",
                  "event_id": null,
                  "version": null,
                  "since": "2026-01-05T09:00:00Z",
                  "reason": "not a message of the fan-out: it has no attribute `client`"
                },
                {
                  "id": "00000008-0000-4000-8000-000000000000",
                  "queue": "dead-letter",
                  "client": null,
                  "group": "X1%20ABC",
                  "event_id": "e-9",
                  "version": 9,
                  "since": "2026-01-05T09:00:00Z",
                  "reason": "the fan-out could not process the message; its log says why"
                }
              ],
              "queues": [
                {
                  "queue": "rejected",
                  "messages": 2,
                  "shown": 2,
                  "reason": null
                },
                {
                  "queue": "undelivered",
                  "messages": 30,
                  "shown": 3,
                  "reason": "of each group SQS shows the first letters only, later ones when those are gone, and none that others look at"
                },
                {
                  "queue": "dead-letter",
                  "messages": 1,
                  "shown": 1,
                  "reason": null
                }
              ]
            }"#]].assert_eq(&json);
    }
}
