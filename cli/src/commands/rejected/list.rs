//! `fanoutctl rejected list`: a table of the rejections that can be seen.

use serde::Serialize;
use shared::config::Source;
use shared::control::TypedKey;

use super::queue::Sight;
use super::{look, source};
use crate::args::stack_option;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{self, Row, Style, Tone, figure, instant, shortened, table};
use crate::rejections::{Rejection, shortest};

/// The most characters of a reason in the table; `show` and JSON have them all.
const REASON_SHOWN: usize = 300;
/// The most characters of an aggregate or an event's id in the table.
const ID_SHOWN: usize = 40;

const FIRST_OF_GROUP: &str = "SQS shows only the first rejections of each group, later ones when those are gone, and none that another command looks at";
const LIMIT: &str = "more than `--limit` are not looked at";

/// The rejections that were seen, and the number of all.
#[derive(Debug, Serialize)]
struct List<'s> {
    rejections: Vec<Entry<'s>>,
    /// How many messages the queue holds.
    messages: u64,
    shown: usize,
    /// Why not all are shown.
    not_all: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Entry<'s> {
    id: &'s str,
    /// The beginning of the id that the other commands need.
    #[serde(skip)]
    short_id: &'s str,
    /// The aggregate's key; null if neither rejection nor config say it.
    key: Option<TypedKey>,
    /// The `MessageGroupId` of the rejection: the event's, or `~rejected`.
    group: &'s str,
    /// The aggregate as an operator names it.
    #[serde(skip)]
    aggregate: String,
    event_id: Option<String>,
    version: Option<i64>,
    since: Option<String>,
    reason: String,
    /// The command that sends its event, once what the reason names is mended.
    command: String,
}

pub(super) async fn execute(context: &Context, limit: usize) -> Result<Exit, Failure> {
    let sight = look(context, limit, |_| true).await?;
    let stack = stack_option(&context.stack);
    context.output.print(&list(&sight, limit, source(context).as_ref(), &stack), text)?;
    Ok(Exit::Done)
}

/// `stack` is the option that names the stack in a command.
fn list<'s>(sight: &'s Sight, limit: usize, source: Option<&Source>, stack: &str) -> List<'s> {
    let ids: Vec<&str> = sight.rejections.iter().map(|rejection| rejection.message.id.as_str()).collect();
    let entry = |rejection: &'s Rejection| {
        let short_id = shortest(&rejection.message.id, &ids);
        Entry {
            id: &rejection.message.id,
            short_id,
            key: rejection.key(source),
            group: rejection.group(),
            aggregate: rejection.aggregate(source),
            event_id: rejection.event_id(),
            version: rejection.version(source),
            since: rejection.since().map(instant),
            reason: rejection.reason(),
            command: format!("fanoutctl rejected resend {short_id}{stack}"),
        }
    };
    let why = if sight.seen < limit { FIRST_OF_GROUP } else { LIMIT };
    List {
        rejections: sight.rejections.iter().map(entry).collect(),
        messages: sight.messages,
        shown: sight.seen,
        not_all: (sight.unseen() > 0).then_some(why),
    }
}

fn text(list: &List<'_>, style: Style) -> String {
    let mut text = String::new();
    if !list.rejections.is_empty() {
        let header = ["id", "aggregate", "event", "version", "since", "reason"];
        text += &table(header, list.rejections.iter().map(row), style);
        text.push('\n');
        if let [only] = list.rejections.as_slice() {
            text += &format!("no client gets it; once what the reason names is mended: {}\n", only.command);
        } else if let Some(first) = list.rejections.first() {
            text += &format!(
                "no client gets them; once what a reason names is mended: {}, for example\n",
                first.command
            );
        }
    } else if list.messages == 0 {
        text += "nothing is rejected\n";
    }
    if let Some(why) = list.not_all {
        text += &format!("showing {} of {}; {why}\n", list.shown, list.messages);
    }
    text
}

fn row(entry: &Entry<'_>) -> Row<6> {
    let cells = [
        entry.short_id.to_owned(),
        shortened(&entry.aggregate, ID_SHOWN),
        shortened(entry.event_id.as_deref().unwrap_or("-"), ID_SHOWN),
        figure(entry.version),
        figure(entry.since.as_ref()),
        shortened(&entry.reason, REASON_SHOWN),
    ];
    output::row(cells, Tone::Neutral)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::rejections::samples::{self, foreign, source};

    fn sight(rejections: Vec<Rejection>, unseen: u64) -> Sight {
        let seen = rejections.len();
        Sight { rejections, seen, messages: seen as u64 + unseen }
    }

    fn check(sight: &Sight, expected: &Expect) {
        expected.assert_eq(&text(&list(sight, 3, Some(&source()), " --stack test"), Style::Plain));
    }

    fn rejections() -> Vec<Rejection> {
        let reason = "red \u{1b}[31m and\nlong ".repeat(9);
        let hostile = serde_json::json!({ "reason": reason.trim() }).to_string();
        vec![
            samples::rejected("e-3"),
            samples::unreadable_record(),
            Rejection { message: foreign(6, "A", &hostile) },
            Rejection { message: foreign(7, "A", "no JSON") },
        ]
    }

    #[test]
    fn a_table_shows_each_rejection_and_how_many_are_not_shown() {
        check(
            &sight(rejections(), 27),
            &expect![[r#"
                id        aggregate  event  version  since                 reason
                00000003  AFC F5     e-3          3  2026-01-05T09:00:00Z  the event lacks `eventId`, its id; `[source]` in `client-queues.toml` says where it is
                00000004  ~rejected  -            -  2026-01-05T09:00:00Z  not a stream record: it has no `eventName`
                00000006  A          -            -  2026-01-05T09:00:00Z  red \u{1b}[31m and\nlong red \u{1b}[31m and\nlong red \u{1b}[31m and\nlong red \u{1b}[31m and\nlong red \u{1b}[31m and\nlong red \u{1b}[31m and\nlong red \u{1b}[31m and\nlong red \u{1b}[31m and\nlong red \u{1b}[31m and\nlong
                00000007  A          -            -  2026-01-05T09:00:00Z  not a rejection of the functions: line 1, column 2 of its body is not as expected
                no client gets them; once what a reason names is mended: fanoutctl rejected resend 00000003 --stack test, for example
                showing 4 of 31; more than `--limit` are not looked at
            "#]],
        );
    }

    #[test]
    fn an_empty_list_says_so() {
        check(
            &sight(Vec::new(), 0),
            &expect![[r#"
                nothing is rejected
            "#]],
        );
        check(
            &sight(Vec::new(), 3),
            &expect![[r#"
            showing 0 of 3; SQS shows only the first rejections of each group, later ones when those are gone, and none that another command looks at
        "#]],
        );
    }

    #[test]
    fn programs_get_everything_but_bodies() {
        let sight = sight(rejections(), 27);
        let json = serde_json::to_string_pretty(&list(&sight, 100, Some(&source()), "")).unwrap();
        expect![[r#"
            {
              "rejections": [
                {
                  "id": "00000003-0000-4000-8000-000000000000",
                  "key": {
                    "S": "AFC F5"
                  },
                  "group": "AFC%20F5",
                  "event_id": "e-3",
                  "version": 3,
                  "since": "2026-01-05T09:00:00Z",
                  "reason": "the event lacks `eventId`, its id; `[source]` in `client-queues.toml` says where it is",
                  "command": "fanoutctl rejected resend 00000003"
                },
                {
                  "id": "00000004-0000-4000-8000-000000000000",
                  "key": null,
                  "group": "~rejected",
                  "event_id": null,
                  "version": null,
                  "since": "2026-01-05T09:00:00Z",
                  "reason": "not a stream record: it has no `eventName`",
                  "command": "fanoutctl rejected resend 00000004"
                },
                {
                  "id": "00000006-0000-4000-8000-000000000000",
                  "key": null,
                  "group": "A",
                  "event_id": null,
                  "version": null,
                  "since": "2026-01-05T09:00:00Z",
                  "reason": "red \u001b[31m and\nlong red \u001b[31m and\nlong red \u001b[31m and\nlong red \u001b[31m and\nlong red \u001b[31m and\nlong red \u001b[31m and\nlong red \u001b[31m and\nlong red \u001b[31m and\nlong red \u001b[31m and\nlong",
                  "command": "fanoutctl rejected resend 00000006"
                },
                {
                  "id": "00000007-0000-4000-8000-000000000000",
                  "key": null,
                  "group": "A",
                  "event_id": null,
                  "version": null,
                  "since": "2026-01-05T09:00:00Z",
                  "reason": "not a rejection of the functions: line 1, column 2 of its body is not as expected",
                  "command": "fanoutctl rejected resend 00000007"
                }
              ],
              "messages": 31,
              "shown": 4,
              "not_all": "SQS shows only the first rejections of each group, later ones when those are gone, and none that another command looks at"
            }"#]].assert_eq(&json);
    }
}
