//! Steps 5 and 6: what was sent is written, whatever happened to the items meanwhile.

use super::{Begin, Task};
use crate::ids::Group;
use crate::ledger::{ClientId, Condition, Cursor, GroupItem, Item, ItemKey, Write, WriteCount};

/// What was sent to a client of a group and is not told yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// In which incarnation.
    pub incarnation_number: u64,
    /// In which epoch of the cursor.
    pub epoch: u64,
    /// After which version.
    pub after: u64,
    /// Up to which version.
    pub up_to: u64,
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Telling {
    /// The items must be read again first.
    Unread,
    /// Nothing: the ledger knows.
    Nothing {
        /// Whether the client is up to date.
        is_up_to_date: bool,
    },
    /// One transaction: the client is up to date then.
    UpToDate(Vec<Write>),
    /// The cursor: the client stays behind.
    Progress(Vec<Write>),
}

/// One transaction that takes the client out of `behind`, and its cursor away.
pub fn up_to_date(task: &Task) -> Vec<Write> {
    let mut item = task.item.clone();
    item.write_count = WriteCount(item.write_count.0 + 1);
    item.behind.remove(&task.client);
    vec![group_write(&task.group, &task.item, item), cursor_write(task, None)]
}

/// One transaction that takes away the cursor of a client that is served no more, and its entry in `behind`, if there is
/// one.
pub fn leave(group: &Group, item: Option<&GroupItem>, client: ClientId, cursor: &Cursor) -> Vec<Write> {
    let deletion = Write {
        key: ItemKey::Cursor(client, group.clone()),
        condition: Condition::WriteCount(cursor.write_count),
        item: None,
    };
    let Some(item) = item else { return vec![deletion] };
    let mut after = item.clone();
    after.write_count = WriteCount(item.write_count.0 + 1);
    after.behind.remove(&client);
    vec![group_write(group, item, after), deletion]
}

impl Known {
    /// Nothing yet of what this task sends.
    pub fn nothing(task: &Task) -> Self {
        let position = task.position();
        Self {
            incarnation_number: task.item.incarnation_number,
            epoch: task.cursor.epoch,
            after: position,
            up_to: position,
        }
    }

    /// Whether nothing was sent.
    pub fn is_nothing(&self) -> bool {
        self.up_to <= self.after
    }

    /// What to write, given what the ledger has now.
    ///
    /// In the same epoch, the client has the more of the two. In another epoch that began with a replay, what was sent
    /// meanwhile counts as a repetition, if the replay's repetitions reach that far. Of another incarnation nothing is left to
    /// tell.
    pub fn telling(&self, now: &Begin, fresh: &mut dyn FnMut() -> u64) -> Telling {
        let task = match now {
            Begin::Unread => return Telling::Unread,
            Begin::UpToDate => return Telling::Nothing { is_up_to_date: true },
            Begin::Behind(task) => task,
        };
        let nothing = Telling::Nothing { is_up_to_date: false };
        if task.item.incarnation_number != self.incarnation_number {
            return nothing;
        }
        let cursor = &task.cursor;
        let (position, replay_until) = (task.position(), task.replay().map(|(_, replay_until)| replay_until));
        if cursor.epoch == self.epoch {
            let up_to = self.up_to.max(position);
            if up_to >= task.item.version {
                return Telling::UpToDate(up_to_date(task));
            }
            if up_to == position {
                return nothing;
            }
            let replay = replay_until.and(cursor.replay.clone());
            let replay_until = replay_until.unwrap_or(0);
            let told = Cursor {
                incarnation_number: self.incarnation_number,
                position: up_to,
                replay_until,
                replay,
                ..cursor.clone()
            };
            return progress(task, told, fresh);
        }
        match replay_until {
            Some(replay_until) if replay_until >= self.after && self.up_to > replay_until => {
                progress(task, Cursor { replay_until: self.up_to, ..cursor.clone() }, fresh)
            }
            _ => nothing,
        }
    }
}

fn progress(task: &Task, cursor: Cursor, fresh: &mut dyn FnMut() -> u64) -> Telling {
    let cursor = Cursor { write_count: WriteCount(fresh()), ..cursor };
    Telling::Progress(vec![cursor_write(task, Some(cursor))])
}

fn group_write(group: &Group, before: &GroupItem, after: GroupItem) -> Write {
    Write {
        key: ItemKey::Group(group.clone()),
        condition: Condition::WriteCount(before.write_count),
        item: Some(Item::Group(Box::new(after))),
    }
}

fn cursor_write(task: &Task, cursor: Option<Cursor>) -> Write {
    Write {
        key: ItemKey::Cursor(task.client, task.group.clone()),
        condition: Condition::WriteCount(task.cursor.write_count),
        item: cursor.map(Item::Cursor),
    }
}
