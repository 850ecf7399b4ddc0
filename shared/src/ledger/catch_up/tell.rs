//! Steps 5 and 6: what was sent is written, whatever happened to the items meanwhile.

use super::{Begin, Task};
use crate::ids::Group;
use crate::ledger::{ClientId, Condition, GroupItem, Item, ItemKey, Marker, Rev, Write};

/// What was sent to a client of a group and is not told yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// In which life.
    pub life: u64,
    /// In which spell of the marker.
    pub spell: u64,
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
        /// Whether the client is level.
        is_level: bool,
    },
    /// One transaction: the client is level then.
    Level(Vec<Write>),
    /// The marker: the client stays behind.
    Progress(Vec<Write>),
}

/// One transaction that takes the client out of `behind`, and its marker away.
pub fn level(task: &Task) -> Vec<Write> {
    let mut item = task.item.clone();
    item.rev = Rev(item.rev.0 + 1);
    item.behind.remove(&task.client);
    vec![group_write(&task.group, &task.item, item), marker_write(task, None)]
}

/// One transaction that takes away the marker of a client that is served no more, and its entry in `behind`, if there is
/// one.
pub fn leave(group: &Group, item: Option<&GroupItem>, client: ClientId, marker: &Marker) -> Vec<Write> {
    let deletion = Write {
        key: ItemKey::Marker(client, group.clone()),
        condition: Condition::Rev(marker.rev),
        item: None,
    };
    let Some(item) = item else { return vec![deletion] };
    let mut after = item.clone();
    after.rev = Rev(item.rev.0 + 1);
    after.behind.remove(&client);
    vec![group_write(group, item, after), deletion]
}

impl Known {
    /// Nothing yet of what this task sends.
    pub fn nothing(task: &Task) -> Self {
        let have = task.have();
        Self { life: task.item.life, spell: task.marker.spell, after: have, up_to: have }
    }

    /// Whether nothing was sent.
    pub fn is_nothing(&self) -> bool {
        self.up_to <= self.after
    }

    /// What to write, given what the ledger has now.
    ///
    /// In the same spell, the client has the more of the two. In another spell that began with a replay, what was sent
    /// meanwhile counts as a repetition, if the replay's repetitions reach that far. Of another life nothing is left to
    /// tell.
    pub fn telling(&self, now: &Begin, fresh: &mut dyn FnMut() -> u64) -> Telling {
        let task = match now {
            Begin::Unread => return Telling::Unread,
            Begin::Level => return Telling::Nothing { is_level: true },
            Begin::Behind(task) => task,
        };
        let nothing = Telling::Nothing { is_level: false };
        if task.item.life != self.life {
            return nothing;
        }
        let marker = &task.marker;
        let (have, again) = (task.have(), task.replay().map(|(_, again)| again));
        if marker.spell == self.spell {
            let up_to = self.up_to.max(have);
            if up_to >= task.item.version {
                return Telling::Level(level(task));
            }
            if up_to == have {
                return nothing;
            }
            let replay = again.and(marker.replay.clone());
            let again = again.unwrap_or(0);
            let told = Marker { life: self.life, have: up_to, again, replay, ..marker.clone() };
            return progress(task, told, fresh);
        }
        match again {
            Some(again) if again >= self.after && self.up_to > again => {
                progress(task, Marker { again: self.up_to, ..marker.clone() }, fresh)
            }
            _ => nothing,
        }
    }
}

fn progress(task: &Task, marker: Marker, fresh: &mut dyn FnMut() -> u64) -> Telling {
    let marker = Marker { rev: Rev(fresh()), ..marker };
    Telling::Progress(vec![marker_write(task, Some(marker))])
}

fn group_write(group: &Group, before: &GroupItem, after: GroupItem) -> Write {
    Write {
        key: ItemKey::Group(group.clone()),
        condition: Condition::Rev(before.rev),
        item: Some(Item::Group(Box::new(after))),
    }
}

fn marker_write(task: &Task, marker: Option<Marker>) -> Write {
    Write {
        key: ItemKey::Marker(task.client, task.group.clone()),
        condition: Condition::Rev(task.marker.rev),
        item: marker.map(Item::Marker),
    }
}
