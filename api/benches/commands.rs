//! Commands per second and how long a command takes, over HTTP: against the router in this process, over tables in memory,
//! which is the service's own share; or, with `API_URL=http://…`, against an API that runs somewhere, such as `cargo api`
//! over an emulator's tables. At last, how soon the function's binary asks for its first invocation.
//!
//! `cargo bench -p api --bench commands`, with `BENCH_SECONDS=5` for each line.

#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark reports by panicking")]

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use api::http::router;
use api::marks::{Marks, schema};
use api::store::Store;
use api::surroundings::Machine;
use futures_util::future::join_all;
use testkit::wire::lambda::Function;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How many marks are many.
const MANY: usize = 200;

const CLIENTS: [usize; 2] = [1, 50];

const STARTS: usize = 40;

/// A line of the table.
#[derive(Default)]
struct Measured {
    times: Vec<Duration>,
    /// Commands that others were quicker than, each time that the service tried.
    conflicts: usize,
}

fn main() {
    let seconds = std::env::var("BENCH_SECONDS")
        .ok()
        .map_or(5, |text| text.parse().expect("`BENCH_SECONDS` is a number"));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let running = std::env::var("API_URL").ok();
        match &running {
            Some(url) => println!(
                "against {url}, which keeps the marks `B…`; the clients are one process, on {cores} cores"
            ),
            None => println!("service and clients in one process, on {cores} cores; tables in memory"),
        }
        println!(
            "{:>7} {:>6} {:>11} {:>9} {:>9} {:>10}",
            "at once", "marks", "commands/s", "p50 ms", "p99 ms", "conflicts"
        );
        for marks in [1, MANY] {
            for clients in CLIENTS {
                let address = match &running {
                    Some(url) => url
                        .strip_prefix("http://")
                        .expect("`API_URL` begins with http://")
                        .trim_end_matches('/')
                        .to_owned(),
                    None => served().await,
                };
                let measured = measure(&address, &names(marks), clients, Duration::from_secs(seconds)).await;
                println!("{}", line(clients, marks, seconds, measured));
            }
        }
    });
    println!("{}", starts());
}

/// How long the function takes from its process's start to its first poll.
fn starts() -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_api"));
    let environment = [("EVENT_TABLE", "Events"), ("STATE_TABLE", "States")];
    let start = |_| Function::start(binary, &environment).expect("it starts").first_poll();
    let mut times: Vec<f64> = (0..STARTS).map(start).map(|time| time.as_secs_f64() * 1_000.0).collect();
    times.sort_by(f64::total_cmp);
    let (least, median) = (times.first().copied(), times.get(STARTS / 2).copied());
    format!(
        "{STARTS} starts to the first poll: {:.1} ms median, {:.1} ms least",
        median.unwrap_or(f64::NAN),
        least.unwrap_or(f64::NAN)
    )
}

/// A router of its own over empty tables, and its address.
async fn served() -> String {
    let schema = schema("Events", "States");
    let machine = Machine::try_new().expect("a clock");
    let router = router(Marks::new(Store::new(schema.in_memory(), machine, schema)));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Marks that no other run has.
fn names(count: usize) -> Vec<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    let run = now.as_millis() % 100_000_000;
    (0..count).map(|number| format!("B{run} {number}")).collect()
}

/// Each client changes one of its marks after the other, for this long.
async fn measure(address: &str, marks: &[String], clients: usize, length: Duration) -> Measured {
    let mut connection = Connection::open(address).await;
    for mark in marks {
        let body = format!(
            r#"{{"mark":"{mark}","price":1,"nomineeName":"Ada","address":{{"addressLine1":"1 Lane","postCode":"1"}}}}"#
        );
        assert_eq!(connection.ask("POST", "/mark/v1/entitlement", &body).await, 201);
    }
    let end = Instant::now() + length;
    let work = |client: usize| {
        // A share of its own, unless there are fewer marks than clients.
        let own: Vec<String> = marks.iter().skip(client % marks.len()).step_by(clients).cloned().collect();
        let address = address.to_owned();
        tokio::spawn(async move {
            let mut connection = Connection::open(&address).await;
            let mut measured = Measured::default();
            for (number, mark) in own.iter().cycle().enumerate() {
                if Instant::now() >= end {
                    break;
                }
                let body = format!(r#"{{"mark":"{mark}","nomineeName":"Nominee {number}"}}"#);
                let begin = Instant::now();
                match connection.ask("PUT", "/mark/v1/entitlement/nominee", &body).await {
                    200 => measured.times.push(begin.elapsed()),
                    409 => measured.conflicts += 1,
                    status => panic!("status {status}"),
                }
            }
            measured
        })
    };
    let mut all = Measured::default();
    for measured in join_all((0..clients).map(work)).await {
        let measured = measured.expect("a client panicked");
        all.times.extend(measured.times);
        all.conflicts += measured.conflicts;
    }
    all
}

fn line(clients: usize, marks: usize, seconds: u64, measured: Measured) -> String {
    let Measured { mut times, conflicts } = measured;
    times.sort_unstable();
    let at = |percent: usize| {
        let time = times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
        time.map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
    };
    let rate = times.len() as f64 / seconds as f64;
    let mut line = format!("{clients:>7} {marks:>6} {rate:>11.0}");
    write!(line, " {:>9.2} {:>9.2} {conflicts:>10}", at(50), at(99)).expect("text");
    line
}

/// A connection that is used for one request after the other.
struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the API answers");
        stream.set_nodelay(true).expect("a socket");
        Self { stream: BufReader::new(stream), host: address.to_owned() }
    }

    /// The status of the answer.
    async fn ask(&mut self, method: &str, path: &str, body: &str) -> u16 {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.expect("it is sent");
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).await.expect("an answer");
            let line = line.trim().to_ascii_lowercase();
            match (status, line.strip_prefix("content-length: ")) {
                (None, _) => status = line.split(' ').nth(1).and_then(|status| status.parse().ok()),
                (_, Some(text)) => length = text.parse().expect("a length"),
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        let mut rest = vec![0; length];
        self.stream.read_exact(&mut rest).await.expect("a body");
        status.expect("a status")
    }
}
