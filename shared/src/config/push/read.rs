//! `[client.push]`: its policies, and its one kind.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::rules::PushRules;
use super::{OnRefused, Push, PushTarget, eventbridge, kinesis, lambda, s3, sns, webhook};
use crate::config::findings::Report;
use crate::config::section::{Section, Value, section};
use crate::quoted::quoted;

const PUSH: &str = "client.push";

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// The least and the most of `give_up_after`, in seconds: an event is 14 days in a queue at most.
const GIVE_UP_LIMITS: [u64; 2] = [MINUTE, 13 * DAY];

type Reader = fn(Section<'_>, &PushRules<'_>, &mut Report<'_>) -> Option<PushTarget>;

/// The kinds: the key, the section's name, and what reads it.
const KINDS: [(&str, &str, Reader); 6] = [
    ("webhook", "client.push.webhook", |section, rules, report| {
        webhook::read(section, rules, report).map(PushTarget::Webhook)
    }),
    ("lambda", "client.push.lambda", |section, rules, report| {
        lambda::read(section, rules, report).map(PushTarget::Lambda)
    }),
    ("sns", "client.push.sns", |section, rules, report| {
        sns::read(section, rules, report).map(PushTarget::Sns)
    }),
    ("eventbridge", "client.push.eventbridge", |section, rules, report| {
        eventbridge::read(section, rules, report).map(PushTarget::EventBridge)
    }),
    ("kinesis", "client.push.kinesis", |section, rules, report| {
        kinesis::read(section, rules, report).map(PushTarget::Kinesis)
    }),
    ("s3", "client.push.s3", |section, rules, report| s3::read(section, rules, report).map(PushTarget::S3)),
];

/// What `value` says, and where its target stands; none if something is wrong, which is reported.
pub(in crate::config) fn read(
    value: Spanned<DeValue<'_>>,
    rules: &PushRules<'_>,
    report: &mut Report<'_>,
) -> Option<(Push, usize)> {
    let shape = "a section with a kind in it, as in `[client.push.webhook]`";
    let mut push = section(PUSH, rules.whose, value, shape, report)?;
    let give_up_after = match push.text("give_up_after", report) {
        Value::Absent => Some(None),
        Value::Wrong => None,
        Value::Is(text) => push.parsed("give_up_after", &text, give_up_after, report).map(Some),
    };
    let on_refused = match push.text("on_refused", report) {
        Value::Absent => Some(OnRefused::default()),
        Value::Wrong => None,
        Value::Is(text) => push.parsed("on_refused", &text, on_refused, report),
    };
    let target = read_kind(&mut push, rules, report);
    push.finish(report);
    let (target, at) = target?;
    Some((Push { target, give_up_after: give_up_after?, on_refused: on_refused? }, at))
}

fn read_kind(
    push: &mut Section<'_>,
    rules: &PushRules<'_>,
    report: &mut Report<'_>,
) -> Option<(PushTarget, usize)> {
    let mut found: Vec<_> = KINDS
        .into_iter()
        .filter_map(|(key, name, read)| {
            push.take(key).map(|value| (value.span().start, key, name, read, value))
        })
        .collect();
    found.sort_by_key(|(at, ..)| *at);
    // What is left may be a kind with a slip in it, which is reported as such.
    if found.is_empty() && push.remaining().next().is_none() {
        let kinds = KINDS.map(|(key, ..)| format!("`{key}`")).join(", ");
        let message =
            format_args!("has no kind; add one section, as in `[client.push.webhook]`: known are {kinds}");
        report.add(push.at, PUSH, format_args!("{}{message}", rules.whose));
    }
    let first = found.first().map(|(at, key, ..)| (*at, *key));
    if let (Some((first_at, first)), Some((at, _, name, ..))) = (first, found.get(1)) {
        let line = report.line(first_at);
        let message = format_args!(
            "{}stands beside `{first}` in line {line}, and a client has one target; delete one of the two, or register another \
             client",
            rules.whose
        );
        report.add(*at, *name, message);
    }
    let is_one = found.len() == 1;
    let mut target = None;
    for (at, key, name, read, value) in found {
        let shape = format!("a section headed `[client.push.{key}]`");
        let section = section(name, rules.whose, value, &shape, report);
        target = section.and_then(|section| read(section, rules, report)).map(|target| (target, at));
    }
    target.filter(|_| is_one)
}

/// A number with its unit: `7d`, `36h`, `90m`.
fn give_up_after(text: &str) -> Result<Duration, String> {
    let units = [('m', MINUTE), ('h', 60 * MINUTE), ('d', DAY)];
    let parts = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, seconds)));
    let seconds = parts.and_then(|(number, seconds)| {
        let is_number = number.bytes().all(|digit| digit.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| is_number)?;
        number.checked_mul(*seconds)
    });
    let [least, most] = GIVE_UP_LIMITS;
    match seconds {
        None => Err(format!(
            "{} is no time; write a number with its unit, as in `7d`, `36h` or `90m`, or leave it out to go on trying",
            quoted(text)
        )),
        Some(seconds) if !(least..=most).contains(&seconds) => Err(format!(
            "{} is not among `1m` to `13d`, and a queue keeps events for 14 days; correct it, or leave it out to go on trying",
            quoted(text)
        )),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
    }
}

fn on_refused(text: &str) -> Result<OnRefused, String> {
    match text {
        "hold" => Ok(OnRefused::Hold),
        "skip" => Ok(OnRefused::Skip),
        _ => Err(format!(
            "{} is no such policy; write `hold`, so that an event that is refused holds its group, or `skip`, so that it is \
             rejected",
            quoted(text)
        )),
    }
}
