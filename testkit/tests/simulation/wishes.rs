//! What clients want: a filter each, which a deploy may change.

use std::fmt;

use crate::clients::NAMES;
use crate::rng::Rng;
use crate::source::{EVENT_NAMES, EventRef, event_name};
use crate::world::World;

/// What a client's filter lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    All,
    Odd,
    Even,
    /// The events of the first aggregate.
    First,
    /// The events with one of their names.
    Named,
    Nothing,
}

/// The filters of the last file, and all that there ever were.
pub(crate) struct Wishes {
    rng: Option<Rng>,
    now: [Wish; NAMES.len()],
    ever: [Vec<Wish>; NAMES.len()],
}

impl Wish {
    /// In the file; empty if there is no filter.
    pub(crate) fn filter(self) -> String {
        let versions = |first: i64| {
            let versions = (first..200).step_by(2).chain((5_000 + first..5_200).step_by(2));
            format!("version = {:?}", versions.collect::<Vec<_>>())
        };
        let pattern = match self {
            Self::All => return String::new(),
            Self::Odd => versions(1),
            Self::Even => versions(0),
            Self::First => "group = ['AFC%20F5']".to_owned(),
            Self::Named => format!("eventName = ['{}']", EVENT_NAMES[0]),
            Self::Nothing => "group = ['nothing']".to_owned(),
        };
        format!("[client.filter.'$message']\n{pattern}\n")
    }

    pub(crate) fn wants(self, event: EventRef) -> bool {
        let is_listed = matches!(event.version, 0..200 | 5_000..5_200);
        match self {
            Self::All => true,
            Self::Odd => is_listed && event.version % 2 == 1,
            Self::Even => is_listed && event.version % 2 == 0,
            Self::First => event.group == 0,
            Self::Named => event_name(event.version) == EVENT_NAMES[0],
            Self::Nothing => false,
        }
    }
}

/// `A: All, B: Odd, …`.
impl fmt::Display for Wishes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wishes = NAMES.iter().zip(self.now).map(|(name, wish)| format!("{name}: {wish:?}"));
        formatter.write_str(&wishes.collect::<Vec<_>>().join(", "))
    }
}

impl Wishes {
    /// Without `rng` all clients want all.
    pub(crate) fn new(rng: Option<Rng>) -> Self {
        Self { rng, now: [Wish::All; NAMES.len()], ever: [const { Vec::new() }; NAMES.len()] }
    }

    /// The filters of another file, in which these clients are.
    pub(crate) fn change(&mut self, clients: &[usize]) -> [Wish; NAMES.len()] {
        for client in clients {
            if let Some(rng) = self.rng.as_ref().filter(|rng| rng.coin()) {
                let wishes = [Wish::All, Wish::Odd, Wish::Even, Wish::First, Wish::Named, Wish::Nothing];
                self.now[*client] = rng.pick(&wishes);
            }
            self.ever[*client].push(self.now[*client]);
        }
        self.now
    }

    fn always_wants(&self, client: usize, event: EventRef) -> bool {
        self.ever[client].iter().all(|wish| wish.wants(event)) && !self.ever[client].is_empty()
    }
}

impl World {
    /// Whether a client wants an event by each of the filters that it ever had.
    pub(crate) fn always_wants(&self, client: usize, event: EventRef) -> bool {
        self.instances.borrow().wishes.always_wants(client, event)
    }
}
