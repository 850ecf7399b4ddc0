//! A port with faults: what becomes of a call is scripted, by its number.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use api::store::port::{Action, CallError, DynamoDb, Page, Query, Reason, Scan, TransactError};
use api::store::value::Map;
use tokio::sync::Notify;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process ends before the call is made.
    CrashBefore,
    /// The process ends when the call is done.
    CrashAfter,
    /// The call is not done, and nobody says so.
    LostRequest,
    /// The call is done, and nobody says so.
    LostAnswer,
    /// The call is not done, because of others.
    Throttled,
    /// A transaction is cancelled, because of others.
    Conflict,
    /// A transaction is cancelled, because an item is throttled.
    ThrottledItem,
    /// The call waits until it is released.
    Held,
    /// Nobody says that a transaction is done, which it is when the next one comes.
    Late,
}

/// DynamoDB behind faults.
#[derive(Debug)]
pub(crate) struct Faulty<D> {
    db: D,
    faults: BTreeMap<usize, Fault>,
    always: Option<Fault>,
    calls: AtomicUsize,
    late: Mutex<Option<(String, Vec<Action>)>>,
    pub(crate) crashed: Notify,
    pub(crate) released: Notify,
}

impl<D: DynamoDb> Faulty<D> {
    /// The calls with these numbers, counted from 0, have these faults.
    pub(crate) fn new(db: D, faults: impl IntoIterator<Item = (usize, Fault)>) -> Self {
        Self {
            db,
            faults: faults.into_iter().collect(),
            always: None,
            calls: AtomicUsize::new(0),
            late: Mutex::default(),
            crashed: Notify::new(),
            released: Notify::new(),
        }
    }

    /// All transactions have this fault.
    pub(crate) fn always(db: D, fault: Fault) -> Self {
        Self { always: Some(fault), ..Self::new(db, []) }
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// What `work` gives; `None` if the process ends before.
    pub(crate) async fn live<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.crashed.notified() => None,
            done = work => Some(done),
        }
    }

    fn fault(&self) -> Option<Fault> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        self.faults.get(&number).copied()
    }

    async fn crash(&self) {
        self.crashed.notify_one();
        std::future::pending::<()>().await;
    }

    async fn read<T>(&self, call: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
        match self.fault() {
            Some(Fault::CrashBefore | Fault::CrashAfter) => self.crash().await,
            Some(Fault::LostRequest | Fault::LostAnswer | Fault::Late) => {
                return Err(CallError::Unknown("no answer".into()));
            }
            Some(Fault::Throttled | Fault::Conflict | Fault::ThrottledItem) => {
                return Err(CallError::Throttled);
            }
            Some(Fault::Held) => self.released.notified().await,
            None => {}
        }
        call.await
    }
}

impl<D: DynamoDb + Send> DynamoDb for Faulty<D> {
    async fn get(&self, table: &str, key: &Map) -> Result<Option<Map>, CallError> {
        self.read(self.db.get(table, key)).await
    }

    async fn query(&self, query: &Query<'_>) -> Result<Page, CallError> {
        self.read(self.db.query(query)).await
    }

    async fn scan(&self, scan: &Scan<'_>) -> Result<Page, CallError> {
        self.read(self.db.scan(scan)).await
    }

    async fn transact(&self, token: &str, actions: &[Action]) -> Result<(), TransactError> {
        let late = self.late.lock().unwrap().take();
        if let Some((token, actions)) = late {
            self.db.transact(&token, &actions).await?;
        }
        let cancelled = |reason| {
            let mut reasons = vec![Reason::None; actions.len()];
            *reasons.last_mut().unwrap() = reason;
            Err(TransactError::Cancelled(reasons))
        };
        let unknown = || Err(TransactError::Unknown("no answer".into()));
        match self.fault().or(self.always) {
            Some(Fault::CrashBefore) => self.crash().await,
            Some(Fault::CrashAfter) => {
                self.db.transact(token, actions).await?;
                self.crash().await;
            }
            Some(Fault::LostRequest) => return unknown(),
            Some(Fault::LostAnswer) => {
                self.db.transact(token, actions).await?;
                return unknown();
            }
            Some(Fault::Late) => {
                *self.late.lock().unwrap() = Some((token.to_owned(), actions.to_vec()));
                return unknown();
            }
            Some(Fault::Throttled) => return Err(TransactError::Throttled),
            Some(Fault::Conflict) => return cancelled(Reason::Conflict),
            Some(Fault::ThrottledItem) => return cancelled(Reason::Throttled),
            Some(Fault::Held) => self.released.notified().await,
            None => {}
        }
        self.db.transact(token, actions).await
    }
}
