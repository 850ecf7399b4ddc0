//! What the Lambda counts of each request: what became of it, how long it took, and what the tables said meanwhile.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use lambda_http::RequestExt as _;
use shared::metrics::{
    API_ANSWERED, API_CONFLICTS, API_FAILED, API_LATENCY, API_REFUSED, API_THROTTLED, API_UNANSWERED,
    Latencies, Tally,
};

use crate::store::port::{Action, CallError, DynamoDb, Page, Query, Reason, Scan, TransactError};
use crate::store::value::Map;

/// What the tables said to calls, since it was last asked.
#[derive(Debug, Default)]
pub struct TableCounts {
    conflicts: AtomicUsize,
    throttled: AtomicUsize,
    unanswered: AtomicUsize,
}

/// A port whose calls are counted.
pub struct Counted<D> {
    db: D,
    counts: Arc<TableCounts>,
}

impl<D> Counted<D> {
    /// `db`, whose calls are counted in `counts`.
    pub fn new(db: D, counts: Arc<TableCounts>) -> Self {
        Self { db, counts }
    }
}

/// `router`, with `write` called once for each request, with what it counted and Lambda's id of the request.
///
/// Of requests at the same time, which Lambda does not send, one has the counts of the tables of all.
pub fn measured(
    router: Router,
    counts: Arc<TableCounts>,
    write: impl Fn(&Tally, &str) + Clone + Send + Sync + 'static,
) -> Router {
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let (counts, write) = (Arc::clone(&counts), write.clone());
        async move {
            let request_id = request.lambda_context_ref().map(|context| context.request_id.clone());
            let begin = Instant::now();
            let response = next.run(request).await;
            let mut tally = outcome(response.status());
            counts.note(&mut tally);
            let mut latencies = Latencies::default();
            latencies.add(begin.elapsed());
            tally.latencies(API_LATENCY, latencies);
            write(&tally, request_id.as_deref().unwrap_or_default());
            response
        }
    }))
}

fn outcome(status: StatusCode) -> Tally {
    let (is_refused, is_failed) = (status.is_client_error(), status.is_server_error());
    let mut tally = Tally::default();
    tally.count(API_ANSWERED, usize::from(!is_refused && !is_failed));
    tally.count(API_REFUSED, usize::from(is_refused));
    tally.count(API_FAILED, usize::from(is_failed));
    tally
}

impl TableCounts {
    /// Notes what was counted, and begins anew.
    fn note(&self, tally: &mut Tally) {
        for (metric, count) in [
            (API_CONFLICTS, &self.conflicts),
            (API_THROTTLED, &self.throttled),
            (API_UNANSWERED, &self.unanswered),
        ] {
            tally.count(metric, count.swap(0, Ordering::Relaxed));
        }
    }
}

impl<D> Counted<D> {
    fn read<T>(&self, answer: Result<T, CallError>) -> Result<T, CallError> {
        match &answer {
            Err(CallError::Throttled) => add(&self.counts.throttled),
            Err(CallError::Unknown(_)) => add(&self.counts.unanswered),
            Ok(_) | Err(CallError::Refused(_)) => {}
        }
        answer
    }
}

impl<D: DynamoDb> DynamoDb for Counted<D> {
    async fn get(&self, table: &str, key: &Map) -> Result<Option<Map>, CallError> {
        self.read(self.db.get(table, key).await)
    }

    async fn query(&self, query: &Query<'_>) -> Result<Page, CallError> {
        self.read(self.db.query(query).await)
    }

    async fn scan(&self, scan: &Scan<'_>) -> Result<Page, CallError> {
        self.read(self.db.scan(scan).await)
    }

    async fn transact(&self, token: &str, actions: &[Action]) -> Result<(), TransactError> {
        let answer = self.db.transact(token, actions).await;
        match &answer {
            Err(TransactError::Cancelled(reasons)) => {
                if reasons.iter().any(|reason| matches!(reason, Reason::Condition | Reason::Conflict)) {
                    add(&self.counts.conflicts);
                } else if reasons.contains(&Reason::Throttled) {
                    add(&self.counts.throttled);
                }
            }
            Err(TransactError::Throttled) => add(&self.counts.throttled),
            Err(TransactError::Unknown(_)) => add(&self.counts.unanswered),
            Ok(()) | Err(TransactError::Refused(_)) => {}
        }
        answer
    }
}

impl<D> fmt::Debug for Counted<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Counted").field("counts", &self.counts).finish_non_exhaustive()
    }
}

fn add(count: &AtomicUsize) {
    count.fetch_add(1, Ordering::Relaxed);
}
