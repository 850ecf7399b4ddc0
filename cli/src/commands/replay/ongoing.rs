//! Requests a replay of all its groups, and prints the command that goes on if that does not come to its end.

use shared::control::{REPLAY_KEYS_LIMIT, TypedKey};
use shared::text::{counted, printable, shell_quoted};

use super::estimate::ReplayEstimate;
use super::id::fresh;
use super::request::{ReplayTally, request};
use crate::args::ReplayArguments;
use crate::commands::operator::Operator;
use crate::exit::Failure;
use crate::progress::Progress;

/// A replay that is being requested. Dropped before its end, as by an interruption, it prints the command that goes on.
pub(super) struct OngoingRequest<'o> {
    operator: &'o Operator,
    arguments: &'o ReplayArguments,
    keys: Vec<TypedKey>,
    /// How many of them have a result.
    done: usize,
    outcome: ReplayTally,
}

impl<'o> OngoingRequest<'o> {
    /// Requests all groups, in the table's order, and returns the results.
    ///
    /// # Errors
    ///
    /// [`Failure`]: requests can't be made. What was requested before stays.
    pub(super) async fn run(
        operator: &'o Operator,
        arguments: &'o ReplayArguments,
        estimate: &ReplayEstimate,
    ) -> Result<ReplayTally, Failure> {
        let keys = estimate.0.iter().map(|aggregate| aggregate.key.clone()).collect();
        let mut ongoing = Self { operator, arguments, keys, done: 0, outcome: ReplayTally::default() };
        let ReplayArguments { client, from, .. } = arguments;
        let (id, total) = (fresh(), ongoing.keys.len() as u64);
        let groups = counted(total, "group");
        operator.log(&format!("replay `{id}` to client `{client}` from version {from} on, {groups}"));
        // A group is named because its consumer misses something; all are for another reason.
        let is_gap = arguments.scope.group.is_some();
        let bar = Progress::of(total);
        for keys in ongoing.keys.chunks(REPLAY_KEYS_LIMIT) {
            let done = ongoing.done;
            bar.is_at(done as u64, total, &format!("{done} of {groups} requested"));
            request(operator, (client, *from, is_gap), keys, &id, &mut fresh, &mut ongoing.outcome).await?;
            ongoing.done += keys.len();
        }
        bar.ends(&format!("{total} of {groups} requested"));
        Ok(std::mem::take(&mut ongoing.outcome))
    }
}

impl Drop for OngoingRequest<'_> {
    fn drop(&mut self) {
        if self.done == self.keys.len() {
            return;
        }
        let last = self.done.checked_sub(1).and_then(|last| self.keys.get(last));
        let stack = self.operator.stack_option();
        let lines = how_to_go_on(self.arguments, self.done, self.keys.len(), last, &stack);
        lines.lines().for_each(|line| eprintln!("{}", printable(line)));
    }
}

/// The message of a replay of which only `done` groups of `total`, up to `last`, were requested.
fn how_to_go_on(
    arguments: &ReplayArguments,
    done: usize,
    total: usize,
    last: Option<&TypedKey>,
    stack: &str,
) -> String {
    let ReplayArguments { client, from, scope, request } = arguments;
    let scope =
        scope.group.as_ref().map_or("--all".to_owned(), |group| format!("--group {}", shell_quoted(group)));
    let after = last.map(TypedKey::as_text).or(request.after.as_deref());
    let after = after.map_or_else(String::new, |after| format!(" --after {}", shell_quoted(after)));
    let unknown = (total - done).min(REPLAY_KEYS_LIMIT);
    format!(
        "{done} of {} requested, and perhaps {unknown} more; go on with\n  \
         fanoutctl replay {client} {scope} --from {from}{after}{stack}\n",
        counted(total, "group")
    )
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::args::{RequestArguments, ScopeArguments};

    fn check(group: Option<&str>, after: Option<&str>, done: usize, last: Option<&str>, expected: &Expect) {
        let [group, after] = [group, after].map(|text| text.map(str::to_owned));
        let client = "Billing".to_owned();
        let scope = ScopeArguments { all: group.is_none(), group };
        let request = RequestArguments { after, dry_run: false, yes: true };
        let arguments = ReplayArguments { client, from: 3, scope, request };
        let last = last.map(|key| TypedKey::S(key.to_owned()));
        let total = if arguments.scope.group.is_some() { 1 } else { 1_200 };
        expected.assert_eq(&how_to_go_on(&arguments, done, total, last.as_ref(), " --stack test"));
    }

    #[test]
    fn an_interrupted_replay_prints_the_command_that_goes_on() {
        check(
            None,
            None,
            300,
            Some("AFC F5"),
            &expect![[r#"
                300 of 1200 groups requested, and perhaps 100 more; go on with
                  fanoutctl replay Billing --all --from 3 --after 'AFC F5' --stack test
            "#]],
        );
        check(
            None,
            None,
            0,
            None,
            &expect![[r#"
                0 of 1200 groups requested, and perhaps 100 more; go on with
                  fanoutctl replay Billing --all --from 3 --stack test
            "#]],
        );
        check(
            None,
            Some("B"),
            0,
            None,
            &expect![[r#"
                0 of 1200 groups requested, and perhaps 100 more; go on with
                  fanoutctl replay Billing --all --from 3 --after B --stack test
            "#]],
        );
        check(
            Some("AFC F5"),
            None,
            0,
            None,
            &expect![[r#"
                0 of 1 group requested, and perhaps 1 more; go on with
                  fanoutctl replay Billing --group 'AFC F5' --from 3 --stack test
            "#]],
        );
    }
}
