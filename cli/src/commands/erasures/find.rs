//! A search for erasures that the stream did not show: groups of the ledger that are open, and of which the event table
//! has nothing.

use aws::operator::CallError;
use aws::operator::items::has_item;
use aws::operator::ledger::groups;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use shared::control::{ControlRequest, ErasureHints, REPLAY_KEYS_LIMIT, TypedKey};
use shared::ids::Key;
use shared::ledger::{DamagedItem, GroupItem};
use shared::text::{counted, printable};

use super::wants;
use crate::args::stack_option;
use crate::commands::event_keys::StackEventTable;
use crate::commands::operator::{CatchUpFunction, Operator, understood};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::progress::Progress;

/// How many groups the event table is asked for at the same time: with 10 ms a call, some 800 in a second.
const AT_ONCE: usize = 8;

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Report {
    stack: String,
    /// How many groups the ledger has.
    groups: usize,
    /// How many of them are closed already.
    closed: usize,
    /// How many can't be read.
    damaged: usize,
    /// The aggregates of which the event table has nothing: the fan-out looks at them.
    erased: Vec<TypedKey>,
    /// Whether all groups were looked at.
    is_complete: bool,
}

/// Looks at every open group, and has the fan-out look at those of which the event table has nothing.
///
/// # Errors
///
/// [`Exit::Usage`]: no client is told of erasures. Else the tables can't be read, or the function refused. What was
/// found until then is printed.
pub(super) async fn execute(context: &Context, operator: &Operator) -> Result<Exit, Failure> {
    if !operator.registry.clients.values().any(wants) {
        let message = "no client is told of erasures: none had `erasures = true` when maintenance ran last, each minute";
        return Err(Exit::Usage.because(message));
    }
    let events = StackEventTable::of_stack(operator).await?;
    operator.log("look for erasures");
    let mut report = Report { stack: operator.stack.name.clone(), ..Report::default() };
    let progress = Progress::spinner();
    let ended = find(operator, &events, &progress, &mut report).await;
    progress.finish();
    if ended.is_ok() || report.groups > 0 {
        context.output.print(&report, |report, _| text(report))?;
    }
    ended.map(|()| report.exit())
}

async fn find(
    operator: &Operator,
    events: &StackEventTable,
    progress: &Progress,
    report: &mut Report,
) -> Result<(), Failure> {
    let partition = events.description.partition_key.as_str();
    let has_item = async |key: &Key| has_item(&operator.target, &events.name, partition, key).await;
    let mut after = None;
    loop {
        let erased = counted(report.erased.len(), "aggregate");
        progress.spin(&format!("{} looked at, {erased} erased", counted(report.groups, "group")));
        let page = groups(&operator.target, &operator.ledger.name, after).await?;
        let groups = page.groups.into_iter().map(|group| group.map(|(_, item)| item)).collect();
        look(operator, &has_item, groups, progress, report).await?;
        after = page.next;
        if after.is_none() {
            report.is_complete = true;
            return Ok(());
        }
    }
}

/// Looks at a page of groups: whether the event table has an item of each that is open, which `has_item` says. Where it
/// has none, `function` is asked to have the fan-out look. Only what was asked for is in the report's `erased`.
async fn look<F: CatchUpFunction>(
    function: &F,
    has_item: &impl AsyncFn(&Key) -> Result<bool, CallError>,
    groups: Vec<Result<GroupItem, DamagedItem>>,
    progress: &Progress,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut open = Vec::with_capacity(groups.len());
    for group in groups {
        report.groups += 1;
        match group {
            Ok(item) if item.closed.is_some() => report.closed += 1,
            Ok(item) => open.push(item.key),
            Err(damaged) => {
                report.damaged += 1;
                progress.note(&damaged.to_string());
            }
        }
    }
    let looks = open.into_iter().map(async |key| Ok::<_, CallError>((has_item(&key).await?, key)));
    let looks: Vec<(bool, Key)> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    let erased: Vec<TypedKey> =
        looks.iter().filter(|(has_item, _)| !has_item).map(|(_, key)| key.into()).collect();
    for keys in erased.chunks(REPLAY_KEYS_LIMIT) {
        let request = ControlRequest::LookForErasures { keys: keys.to_vec(), caller: None };
        let ErasureHints { hints: _ } = understood(function.request_once(&request).await?)?;
        report.erased.extend_from_slice(keys);
    }
    Ok(())
}

impl Report {
    fn exit(&self) -> Exit {
        if self.damaged == 0 { Exit::Done } else { Exit::Findings }
    }
}

fn text(report: &Report) -> String {
    let Report { stack, groups, closed, damaged, erased, is_complete } = report;
    let all = if *is_complete { "" } else { " before it ended" };
    let groups = counted(*groups, "group");
    let mut text = format!("stack `{}`, {groups} looked at{all}: ", printable(stack));
    text += &match erased.len() {
        0 => "the event table has something of each that is not known to be erased\n".to_owned(),
        count => format!(
            "the event table has nothing of {}; who is to be told is told within minutes:\n  fanoutctl erasures{}\n",
            counted(count, "aggregate"),
            printable(&stack_option(stack))
        ),
    };
    if *closed > 0 {
        text += &format!("{} erased already, as the ledger says\n", counted(*closed, "aggregate"));
    }
    if *damaged > 0 {
        text += &format!(
            "{} not looked at: their items in the ledger can't be read\n",
            counted(*damaged, "group")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use aws::operator::CallFault;
    use aws::operator::lambda::Answer;
    use expect_test::{Expect, expect};
    use shared::ids::IncarnationToken;
    use shared::ledger::{First, LastSent, WriteCount};
    use shared::time::Timestamp;

    use super::*;

    /// A function that records its requests, and fails at one that names this key.
    struct Recorder {
        asked: RefCell<Vec<usize>>,
        fails_at: &'static str,
    }

    impl CatchUpFunction for Recorder {
        async fn request_once(&self, request: &ControlRequest) -> Result<Answer, CallError> {
            let ControlRequest::LookForErasures { keys, .. } = request else { panic!("{request:?}") };
            if keys.iter().any(|key| key.as_text() == self.fails_at) {
                return Ok(Answer::Failed("the fan-out queue: throttled".to_owned()));
            }
            self.asked.borrow_mut().push(keys.len());
            Ok(Answer::Said(format!("{{\"hints\":{}}}", keys.len())))
        }
    }

    fn group(name: &str, closed: bool) -> Result<GroupItem, DamagedItem> {
        let key = Key::S(name.to_owned());
        Ok(GroupItem {
            write_count: WriteCount(1),
            version: 3,
            behind: BTreeSet::new(),
            revision: 1,
            sent: LastSent::default(),
            incarnation_number: 1,
            token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
            first: First { identity: key.clone().into(), version: 1 },
            time: None,
            streamed_at: None,
            key,
            holes: Vec::new(),
            pairs: Vec::new(),
            closed: closed.then(|| Timestamp::from_millis(1)),
            unknown: [].into(),
        })
    }

    fn damaged() -> Result<GroupItem, DamagedItem> {
        let [table, pk, sk, damage] = ["Ledger", "group#D", "group", "is damaged"].map(str::to_owned);
        Err(DamagedItem { table, pk, sk, damage, remedy: DamagedItem::REMEDY })
    }

    /// Of aggregates in small letters the table has nothing; `!` can't be read.
    async fn table(key: &Key) -> Result<bool, CallError> {
        let Key::S(name) = key else { panic!("{key:?}") };
        if name == "!" {
            let (subject, reason) = ("Events".to_owned(), "throttled".to_owned());
            return Err(CallError { call: "Query", subject, fault: CallFault::Unreachable, reason });
        }
        Ok(name.chars().all(char::is_uppercase))
    }

    async fn check(groups: Vec<Result<GroupItem, DamagedItem>>, asked: &[usize], expected: Expect) {
        let function = Recorder { asked: RefCell::default(), fails_at: "x" };
        let mut report = Report { stack: "test".to_owned(), ..Report::default() };
        let ended = look(&function, &table, groups, &Progress::spinner(), &mut report).await;
        report.is_complete = ended.is_ok();
        let ended = ended.map_err(|failure| failure.to_string());
        assert_eq!(*function.asked.borrow(), asked);
        expected.assert_eq(&format!("{}{ended:?} {:?}\n", text(&report), report.exit()));
    }

    #[tokio::test]
    async fn the_fan_out_looks_at_open_groups_of_which_the_table_has_nothing() {
        let open = |name| group(name, false);
        check(
            vec![open("A"), open("b"), group("c", true), open("D")],
            &[1],
            expect![[r#"
                stack `test`, 4 groups looked at: the event table has nothing of 1 aggregate; who is to be told is told within minutes:
                  fanoutctl erasures --stack test
                1 aggregate erased already, as the ledger says
                Ok(()) Done
            "#]],
        )
        .await;
        check(
            vec![open("A"), damaged()],
            &[],
            expect![[r#"
                stack `test`, 2 groups looked at: the event table has something of each that is not known to be erased
                1 group not looked at: their items in the ledger can't be read
                Ok(()) Findings
            "#]],
        )
        .await;
    }

    #[tokio::test]
    async fn many_are_several_requests_and_a_failure_ends_it() {
        let many = || (0..230).map(|number| group(&number.to_string(), false)).collect::<Vec<_>>();
        check(
            many(),
            &[100, 100, 30],
            expect![[r#"
                stack `test`, 230 groups looked at: the event table has nothing of 230 aggregates; who is to be told is told within minutes:
                  fanoutctl erasures --stack test
                Ok(()) Done
            "#]],
        )
        .await;
        let mut failing = many();
        failing[150] = group("x", false);
        check(
            failing,
            &[100],
            expect![[r#"
                stack `test`, 230 groups looked at before it ended: the event table has nothing of 100 aggregates; who is to be told is told within minutes:
                  fanoutctl erasures --stack test
                Err("the catch-up function failed: the fan-out queue: throttled") Done
            "#]],
        )
        .await;
        check(
            vec![group("b", false), group("!", false)],
            &[],
            expect![[r#"
                stack `test`, 2 groups looked at before it ended: the event table has something of each that is not known to be erased
                Err("`Query` of `Events`: throttled") Done
            "#]],
        )
        .await;
    }
}
