//! Ordering a replay, and telling how to go on if it does not come to its end.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use shared::text::printable;

use super::Wanted;
use crate::commands::ledger::{Desk, now};
use crate::exit::Failure;
use crate::orders::{KeyValue, REPLAY_LIMIT, replay_id, shell_quoted};
use crate::output::counted;
use crate::progress::Bar;
use crate::replay::{Given, Walked, give};

/// A replay that is being ordered. Dropped before its end, as by an interruption, it tells how to go on.
pub(super) struct Ordering<'o> {
    desk: &'o Desk,
    wanted: &'o Wanted,
    keys: Vec<KeyValue>,
    /// How many of them are settled.
    done: usize,
    given: Given,
    is_over: bool,
}

impl<'o> Ordering<'o> {
    /// Nothing is ordered yet.
    pub(super) fn new(desk: &'o Desk, wanted: &'o Wanted, walked: &Walked) -> Self {
        let keys = walked.0.iter().map(|aggregate| aggregate.key.clone()).collect();
        Self { desk, wanted, keys, done: 0, given: Given::default(), is_over: false }
    }

    /// Orders all groups, in the table's order.
    ///
    /// # Errors
    ///
    /// [`Failure`]: orders can't be given. The groups before stay ordered.
    pub(super) async fn run(&mut self) -> Result<(), Failure> {
        let Wanted { client, from, .. } = self.wanted;
        let id = fresh();
        self.desk.log(&format!(
            "replay `{id}` to client `{client}` from version {from} on, {}",
            counted(wide(self.keys.len()), "group")
        ));
        let total = wide(self.keys.len());
        let bar = Bar::new(total);
        for keys in self.keys.chunks(REPLAY_LIMIT) {
            let done = wide(self.done);
            bar.is_at(done, total, &format!("{done} of {} ordered", counted(total, "group")));
            give(self.desk, (client, *from), keys, &id, &mut fresh, &mut self.given).await?;
            self.done += keys.len();
        }
        bar.ends(&format!("{total} of {} ordered", counted(total, "group")));
        self.is_over = true;
        Ok(())
    }

    /// What became of the groups.
    pub(super) fn finish(mut self) -> Given {
        self.is_over = true;
        std::mem::take(&mut self.given)
    }
}

impl Drop for Ordering<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let last = self.done.checked_sub(1).and_then(|last| self.keys.get(last));
        let lines = how_to_go_on(self.wanted, self.done, self.keys.len(), last, &self.desk.stack_option());
        lines.lines().for_each(|line| eprintln!("{}", printable(line)));
    }
}

/// What is told of a replay that was not ordered to its end: `done` groups of `total`, up to `last`, were.
fn how_to_go_on(wanted: &Wanted, done: usize, total: usize, last: Option<&KeyValue>, stack: &str) -> String {
    let Wanted { client, from, group, after, .. } = wanted;
    let scope = group.as_ref().map_or("--all".to_owned(), |group| format!("--group {}", shell_quoted(group)));
    let after = last.map(KeyValue::as_text).or(after.as_deref());
    let after = after.map_or_else(String::new, |after| format!(" --after {}", shell_quoted(after)));
    let unknown = (total - done).min(REPLAY_LIMIT);
    format!(
        "{done} of {} ordered, and perhaps {unknown} more; go on with\n  \
         fanoutctl replay {client} {scope} --from {from}{after}{stack}\n",
        counted(wide(total), "group")
    )
}

fn fresh() -> String {
    replay_id(now().as_millis(), RandomState::new().build_hasher().finish())
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(group: Option<&str>, after: Option<&str>, done: usize, last: Option<&str>, expected: &Expect) {
        let [group, after] = [group, after].map(|text| text.map(str::to_owned));
        let client = "Billing".to_owned();
        let wanted = Wanted { client, from: 3, group, after, dry_run: false, yes: true };
        let last = last.map(|key| KeyValue::S(key.to_owned()));
        let total = if wanted.group.is_some() { 1 } else { 1_200 };
        expected.assert_eq(&how_to_go_on(&wanted, done, total, last.as_ref(), " --stack test"));
    }

    #[test]
    fn whoever_was_interrupted_is_told_how_to_go_on() {
        check(
            None,
            None,
            300,
            Some("AFC F5"),
            &expect![[r#"
                300 of 1200 groups ordered, and perhaps 100 more; go on with
                  fanoutctl replay Billing --all --from 3 --after 'AFC F5' --stack test
            "#]],
        );
        check(
            None,
            None,
            0,
            None,
            &expect![[r#"
                0 of 1200 groups ordered, and perhaps 100 more; go on with
                  fanoutctl replay Billing --all --from 3 --stack test
            "#]],
        );
        check(
            None,
            Some("B"),
            0,
            None,
            &expect![[r#"
                0 of 1200 groups ordered, and perhaps 100 more; go on with
                  fanoutctl replay Billing --all --from 3 --after B --stack test
            "#]],
        );
        check(
            Some("AFC F5"),
            None,
            0,
            None,
            &expect![[r#"
                0 of 1 group ordered, and perhaps 1 more; go on with
                  fanoutctl replay Billing --group 'AFC F5' --from 3 --stack test
            "#]],
        );
    }

    #[test]
    fn no_two_replays_have_the_same_id() {
        assert_ne!(fresh(), fresh());
    }
}
