//! The text of a plan, for people.

use shared::text::printable;

use super::settings::{CLIENT_ERASURES, CLIENT_FILTER};
use super::{
    Change, ConcurrencyShortage, DisusedQueue, LeftStream, Plan, PlanResult, PlannedClient, ReceivingAccount,
    RefusedStream, ScanEstimate, Setting, queue_name,
};
use crate::args::stack_option;
use crate::finding::Finding;
use crate::output::{Style, Tone, row, table};
use crate::unsettled;

impl Plan {
    /// The text for people; ends with a line feed.
    pub fn to_text(&self, style: Style) -> String {
        let sections = [
            self.heading(),
            client_table(&self.clients, style),
            self.settings_table(style),
            super::views::to_text(&self.views, &stack_option(&self.stack), style),
            unsettled::text(&self.unsettled),
            self.warnings(),
            self.page.as_ref().map(|page| page.to_text(&stack_option(&self.stack))).unwrap_or_default(),
            self.scan.as_ref().and_then(ScanEstimate::to_text).unwrap_or_default(),
            super::targets::to_text(&self.targets, &self.account, &self.region),
            self.accounts_list(),
            self.refused_stream.as_ref().map(RefusedStream::to_text).unwrap_or_default(),
            super::kept::text(&self.kept_queues, &stack_option(&self.stack)),
            self.disused_queues.iter().map(DisusedQueue::to_text).collect::<Vec<_>>().join("\n\n"),
            self.foreign_ledger
                .as_ref()
                .map(|ledger| ledger.to_text(&stack_option(&self.stack)))
                .unwrap_or_default(),
            self.unknown.as_deref().map(unknown).unwrap_or_default(),
            self.ending(),
        ];
        let sections =
            sections.iter().map(|section| section.trim_end()).filter(|section| !section.is_empty());
        sections.collect::<Vec<_>>().join("\n\n") + "\n"
    }

    fn heading(&self) -> String {
        let Self { stack, region, account, is_new, .. } = self;
        let what = if *is_new { "is to be made" } else { "is to be updated" };
        format!("Stack {} {what} in {region}, account {account}.", printable(stack))
    }

    fn settings_table(&self, style: Style) -> String {
        if self.settings.is_empty() {
            return String::new();
        }
        let rows = self.settings.iter().map(|Setting { name, old, new }| {
            let cells = [name.as_ref(), old.as_deref().unwrap_or_default(), new];
            row(cells.map(|text| if text.is_empty() { "(none)" } else { text }), Tone::Neutral)
        });
        let mut text = table(["setting", "now", "will be"], rows, style);
        let stack = stack_option(&self.stack);
        if self.settings.iter().any(|setting| setting.name == "source.filter") {
            text += &format!(
                "\n`source.filter` holds from the deploy on: what was sent before is not taken back, and what it admits now and \
                 did not before is sent by `fanoutctl backfill{stack}` only.\n",
            );
        }
        if self.settings.iter().any(|setting| setting.name.starts_with(CLIENT_FILTER)) {
            text += &format!(
                "\nA client's filter takes effect forward only, in each aggregate with its next events: a wider one sends no \
                 older events (`fanoutctl backfill{stack}` does), and a narrower one takes nothing back.\n",
            );
        }
        if self.settings.iter().any(|setting| setting.name.starts_with(CLIENT_ERASURES)) {
            text += &format!(
                "\nNotices of erasures are of what is erased from the deploy on; `fanoutctl erasures --find{stack}` has clients told of \
                 what was erased before.\n",
            );
        }
        text
    }

    fn warnings(&self) -> String {
        let stack = stack_option(&self.stack);
        let mut lines: Vec<String> = Vec::new();
        lines.extend(self.warnings.iter().map(|Finding { key, problem, remedy, .. }| {
            format!("ATTENTION: {}: {problem}; {remedy}", key.as_deref().unwrap_or_default())
        }));
        lines.extend(self.settings.iter().filter_map(other_meaning));
        lines.extend(self.settings.iter().filter_map(super::targets::handover));
        lines.extend(self.concurrency_shortage.iter().map(ConcurrencyShortage::to_text));
        lines.extend(self.left_stream.iter().map(|left| stream_warning(left, &stack)));
        for client in &self.clients {
            lines.extend(warning(client));
            lines.extend(ledger_warning(client, &stack));
        }
        lines.extend(self.clients.iter().filter_map(|client| history(client, &stack)));
        lines.join("\n")
    }

    fn accounts_list(&self) -> String {
        let is_filtered = |name: &String| {
            self.clients.iter().any(|it| it.name.as_ref() == Some(name) && it.filter.is_some())
        };
        let shown =
            |name: &String| if is_filtered(name) { format!("{name} (filtered)") } else { name.clone() };
        let mut text = "Accounts that will receive every event".to_owned();
        if self.clients.iter().any(|client| client.filter.is_some()) {
            text += ", or what a filter lets through";
        }
        text += ":\n";
        for ReceivingAccount { account, is_own, is_new, clients } in &self.accounts {
            let set_off = if *is_new { "NEW " } else { "    " };
            let own = if *is_own { " (the stack's own)" } else { "" };
            text += &format!(
                "  {set_off}{account}{own}: {}\n",
                clients.iter().map(shown).collect::<Vec<_>>().join(", ")
            );
        }
        text
    }

    fn ending(&self) -> String {
        match self.result {
            PlanResult::Nothing => {
                "Nothing changes for clients; a deploy may still bring new code.".to_owned()
            }
            PlanResult::Changes => String::new(),
            PlanResult::Refused => {
                let would_hide = self.disused_queues.iter().any(DisusedQueue::is_in_the_way);
                let reasons = [
                    (self.refused_stream.is_some(), "the stack needs a stream that it can read"),
                    (!self.kept_queues.is_empty(), "the stack can't make a queue that exists"),
                    (would_hide, "a queue that goes out of use must be empty"),
                    (self.foreign_ledger.is_some(), "this version can't read the ledger"),
                ];
                let reasons = reasons.iter().filter(|(is_one, _)| *is_one).map(|(_, reason)| *reason);
                format!("Refused: {}. Nothing was touched.", reasons.collect::<Vec<_>>().join("; "))
            }
        }
    }
}

/// A warning if the setting says which events there are, in which order: the ledger knows them by the one before.
fn other_meaning(Setting { name, old, .. }: &Setting) -> Option<String> {
    const MEANING: [&str; 5] =
        ["source.partition_key", "source.sort_key", "source.id", "source.version", "source.first_version"];
    let is_changed = old.is_some() && MEANING.contains(&name.as_ref());
    is_changed.then(|| {
        format!(
            "ATTENTION: `{name}` gives events other ids or versions than those that the ledger and the clients know. Make a new \
             stack with a new prefix instead, and backfill (docs/ordering.md, \"What breaks it\")."
        )
    })
}

fn client_table(clients: &[PlannedClient], style: Style) -> String {
    let row = |client: &PlannedClient| {
        let (change, tone) = match client.change {
            Change::Kept => ("kept", Tone::Neutral),
            Change::Added => ("added", Tone::Good),
            Change::Moved => ("moved", Tone::Bad),
            Change::Removed => ("removed", Tone::Bad),
        };
        let mut queue = queue_name(&client.queue_arn).to_owned();
        if let (Change::Moved, Some(left)) = (client.change, &client.left_queue) {
            queue += &format!(" (was {})", queue_name(&left.arn));
        }
        let name = client.name.clone().unwrap_or_else(|| "(unknown)".to_owned());
        [
            (name, Tone::Neutral),
            (change.to_owned(), tone),
            (queue, Tone::Neutral),
            (client.account.clone(), Tone::Neutral),
        ]
    };
    table(["client", "change", "queue", "account"], clients.iter().map(row), style)
}

fn stream_warning(left: &LeftStream, stack: &str) -> String {
    let stream = left.arn.as_deref().map_or("the stream that it reads now".to_owned(), printable);
    let fate = if left.is_made_up_for {
        format!(
            "what it has not read of it yet reaches the clients with its aggregate's next event; so that it does not wait for \
             that, run `fanoutctl reconcile{stack}` afterwards"
        )
    } else {
        format!(
            "what it has not read of it yet reaches the clients if the new stream's table has it, too: run \
             `fanoutctl reconcile{stack}` afterwards, which sends it"
        )
    };
    format!("ATTENTION: the converter leaves {stream}: {fate}; see \"Another stream\" in docs/deploy.md")
}

/// The warning about a client that is removed with a backlog, or moved without a pause.
fn ledger_warning(client: &PlannedClient, stack: &str) -> Option<String> {
    let (name, backlog) = (client.name.as_deref()?, client.backlog.as_ref()?);
    match client.change {
        Change::Removed if !backlog.is_empty() => Some(format!(
            "ATTENTION: {name} {}; an hour after the deploy they are forgotten. Let it catch up first \
             (`fanoutctl status{stack}`)",
            backlog.to_text()
        )),
        Change::Moved if !backlog.is_paused => Some(format!(
            "ATTENTION: pause {name} first (`fanoutctl pause {name}{stack}`), or its old and its new queue get events side by \
             side; see docs/operations.md#move-a-client-to-another-queue"
        )),
        _ => None,
    }
}

fn history(client: &PlannedClient, stack: &str) -> Option<String> {
    let name = client.name.as_deref().unwrap_or("(unknown)");
    if client.is_too_late_for_history {
        return Some(format!(
            "{name} is served already, so `history` has no effect; `fanoutctl backfill {name}{stack}` sends it what it has, \
             and the events from before it was registered"
        ));
    }
    client.gets_history.then(|| {
        format!(
            "{name} gets the events from before it was registered, too: all that the event table has (`history = true`)"
        )
    })
}

/// The warning about a queue that leaves the stack, or that gets no more events.
fn warning(client: &PlannedClient) -> Option<String> {
    let name = client.name.as_deref().unwrap_or("(unknown)");
    if client.is_let_go {
        let queue = queue_name(&client.queue_arn);
        return Some(format!(
            "ATTENTION: {name} goes on with {queue}, which leaves the stack: its policy and its alarm go, and only \
             its owner looks after its settings"
        ));
    }
    let left = client.left_queue.as_ref()?;
    let queue = queue_name(&left.arn);
    let fate = match client.change {
        Change::Moved => {
            "nothing follows them there; have them read before those of the new queue, or their order is lost"
        }
        _ => "nothing follows them; a consumer that needs them must read them",
    };
    match left.holds() {
        Ok(depth) if depth.is_empty() => None,
        Ok(depth) => Some(format!("ATTENTION: {name} leaves {queue}, which holds {depth}: {fate}")),
        Err(why) => Some(format!("ATTENTION: {name} leaves {queue}; what it holds is not known: {why}")),
    }
}

fn unknown(reason: &str) -> String {
    format!("The config that runs can't be compared: {}", printable(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_gives_events_another_meaning_is_warned_about() {
        let warns = |name: &'static str, old: Option<&str>| {
            let setting = Setting { name: name.into(), old: old.map(str::to_owned), new: "sk".to_owned() };
            other_meaning(&setting).is_some_and(|warning| warning.contains(name))
        };
        assert!(warns("source.version", Some("v")) && warns("source.id", Some("")));
        assert!(!warns("source.name", Some("v")) && !warns("source.version", None));
    }
}
