//! Execution environments of the two functions: which file each was deployed with, and which are idle.

use std::rc::Rc;
use std::time::Duration;

use catchup::CatchUp;
use fanout::handler::Fanout;
use shared::config::Config;
use shared::filter::FilterDigest;
use shared::naming::Naming;
use shared::time::Timestamp;

use crate::clients::NAMES;
use crate::mix::{Kind, Mix};
use crate::notices::NOTICES;
use crate::rng::Rng;
use crate::targets::push_of;
use crate::trace::{START, length};
use crate::wishes::{Wish, Wishes};
use crate::world::{World, config};

pub(crate) struct Instances {
    naming: Naming,
    first_version: i64,
    pub(crate) wishes: Wishes,
    has_notices: bool,
    has_push: bool,
    files: Vec<File>,
    /// Instances of the last file but one go on until then.
    overlap_until: Timestamp,
    /// When a deploy last took each client out of the file.
    removed_at: [Option<Timestamp>; NAMES.len()],
    fan_out: Vec<Instance>,
    made: usize,
}

struct File {
    clients: Vec<usize>,
    wishes: [Wish; NAMES.len()],
    config: Config,
    catch_up: Rc<CatchUp>,
}

struct Instance {
    number: usize,
    file: usize,
    handler: Rc<Fanout>,
    is_busy: bool,
}

/// Whether each client wants the history.
pub(crate) const HISTORY: [bool; 4] = [false, false, true, false];

impl Instances {
    pub(crate) fn new(naming: &Naming, mix: &Mix, seed: u64) -> Self {
        let rng = mix.has(Kind::Filtered).then(|| Rng::new(seed.rotate_left(32)));
        let mut instances = Self {
            naming: naming.clone(),
            first_version: mix.first_version(),
            wishes: Wishes::new(rng),
            has_notices: mix.has(Kind::Notices),
            has_push: mix.has(Kind::Push),
            files: Vec::new(),
            overlap_until: START,
            removed_at: [None; NAMES.len()],
            fan_out: Vec::new(),
            made: 0,
        };
        instances.add_file(vec![0, 1], START);
        instances
    }

    pub(crate) fn config(&self, file: usize) -> &Config {
        &self.files[file].config
    }

    /// What a client wants by the filter of this file, if it is in it.
    pub(crate) fn wish(&self, file: usize, client: usize) -> Option<Wish> {
        let file = &self.files[file];
        file.clients.contains(&client).then(|| file.wishes[client])
    }

    /// What tells a client's filter in this file from others.
    pub(crate) fn filter(&self, file: usize, client: usize) -> Option<FilterDigest> {
        let mut clients = self.files[file].config.clients.iter();
        let own = clients.find(|own| own.name.as_str() == NAMES[client])?;
        Some(FilterDigest::of(own.filter.as_ref()))
    }

    /// The clients of the last file.
    pub(crate) fn clients(&self) -> &[usize] {
        self.files.last().map(|file| &*file.clients).unwrap_or_default()
    }

    /// When a deploy last took a client out of the file.
    pub(crate) fn removed_at(&self, client: usize) -> Option<Timestamp> {
        self.removed_at[client]
    }

    fn add_file(&mut self, clients: Vec<usize>, now: Timestamp) {
        let removed = self.clients().iter().filter(|client| !clients.contains(client));
        for client in removed.copied().collect::<Vec<_>>() {
            self.removed_at[client] = Some(now);
        }
        let wishes = self.wishes.change(&clients);
        let named = clients.iter().map(|client| {
            let erasures = self.has_notices && NOTICES[*client];
            let rest = format!("erasures = {erasures}\n{}", wishes[*client].filter());
            (NAMES[*client], HISTORY[*client], rest)
        });
        let named: Vec<(&str, bool, String)> = named.collect();
        let mut config = config(&self.naming, self.first_version, &named);
        if self.has_push {
            for (own, client) in config.clients.iter_mut().zip(&clients) {
                own.push = Some(push_of(*client));
            }
        }
        let catch_up = Rc::new(CatchUp::new(&config, &self.naming));
        self.files.push(File { clients, wishes, config, catch_up });
    }
}

impl World {
    /// A deploy: with `change`, another file; instances of the last one go on for `overlap`.
    pub(crate) fn deploy(&self, change: impl FnOnce(&mut Vec<usize>), overlap: Duration) {
        let mut instances = self.instances.borrow_mut();
        let mut clients = instances.clients().to_vec();
        change(&mut clients);
        clients.sort_unstable();
        clients.dedup();
        instances.add_file(clients.clone(), self.now());
        self.note("deploy", || {
            let names: Vec<&str> = clients.iter().map(|client| NAMES[*client]).collect();
            let wishes = &instances.wishes;
            format!("a file with {}; {wishes}; the old one goes on for {}", names.join(", "), length(overlap))
        });
        instances.overlap_until = self.now().plus(overlap);
    }

    /// The file that an invocation happens to run with.
    pub(crate) fn some_file(&self) -> usize {
        let instances = self.instances.borrow();
        let newest = instances.files.len() - 1;
        let is_old = self.now() < instances.overlap_until && !self.is_healed.get() && self.rng.coin();
        if is_old { newest.saturating_sub(1) } else { newest }
    }

    /// An instance of the fan-out for one invocation: its number, and the handler.
    pub(crate) fn take_instance(&self) -> (usize, usize, Rc<Fanout>) {
        let file = self.some_file();
        let is_cold = self.rng.chance(200);
        let mut instances = self.instances.borrow_mut();
        let idle = instances.fan_out.iter_mut().find(|instance| !instance.is_busy && instance.file == file);
        if let Some(instance) = idle.filter(|_| !is_cold) {
            instance.is_busy = true;
            return (instance.number, file, Rc::clone(&instance.handler));
        }
        let handler = Rc::new(Fanout::new(&instances.files[file].config, &self.naming));
        instances.made += 1;
        let number = instances.made;
        instances.fan_out.push(Instance { number, file, handler: Rc::clone(&handler), is_busy: true });
        (number, file, handler)
    }

    pub(crate) fn give_back_instance(&self, number: usize) {
        let mut instances = self.instances.borrow_mut();
        if let Some(instance) = instances.fan_out.iter_mut().find(|instance| instance.number == number) {
            instance.is_busy = false;
        }
    }

    pub(crate) fn lose_instance(&self, number: usize) {
        self.instances.borrow_mut().fan_out.retain(|instance| instance.number != number);
    }

    /// Catch-up remembers nothing between invocations.
    pub(crate) fn some_catch_up(&self) -> (usize, Rc<CatchUp>) {
        let file = self.some_file();
        (file, Rc::clone(&self.instances.borrow().files[file].catch_up))
    }
}
