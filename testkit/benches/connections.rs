//! What a fan-out's start and first batch take when SQS and DynamoDB are reached over TLS. `OLDER` is for a binary that makes its
//! connections when a call needs them.
//!
//! `OLDER=FOLDER cargo bench -p testkit --bench connections`: another commit's release binary beside; as root, for the share of a
//! processor.

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/messages.rs"]
mod messages;
#[path = "support/quota.rs"]
mod quota;
mod support;

use std::error::Error;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use testkit::wire::shipped_functions;
use testkit::wire::sqs::SqsStub;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::ledger::ledger;
use crate::messages::{LATENCY, batches};
use crate::quota::Quota;
use crate::support::{config, invoke, load, names, package, start_at};

const STARTS: usize = 40;

const CLIENTS: [usize; 3] = [3, 10, 100];

/// What a connection takes besides its handshake: two round trips inside of a region.
const CONNECTING: Duration = Duration::from_millis(1);

/// Of a processor, once the function has polled: until then an on-demand function has a whole one (AWS's guide "Effectively
/// running Java on Serverless"). The second is what Lambda gives at 512 MB.
const SHARES: [f64; 2] = [1.0, 0.29];

/// A binary, and how long each start of it took until its first poll, and each first batch.
struct Column {
    name: &'static str,
    binary: PathBuf,
    polls: Vec<Duration>,
    batches: Vec<Duration>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("benches/connections");
    fs::create_dir_all(&folder)?;
    let (acceptor, authority) = certificates(&folder)?;
    let own = shipped_functions()?.fanout;
    let older = std::env::var_os("OLDER").map(|folder| PathBuf::from(folder).join("fanout"));
    let column = |(name, binary)| Column { name, binary, polls: Vec::new(), batches: Vec::new() };
    let columns = older.map(|binary| ("older", binary)).into_iter().chain([("now", own)]);
    let mut columns: Vec<Column> = columns.map(column).collect();
    let batch = batches().into_iter().next().ok_or("no batch")?;
    println!("{STARTS} starts in turn, medians: start to first poll + first batch\n");
    println!(
        "| clients | of a processor |{}",
        columns.iter().map(|column| format!(" {} |", column.name)).collect::<String>()
    );
    println!("| ---: | ---: |{}", " ---: |".repeat(columns.len()));
    for clients in CLIENTS {
        let sqs = SqsStub::start()?;
        sqs.forget_everything();
        sqs.set_latency(LATENCY);
        let tables = ledger(&names(clients))?;
        let [sqs, tables] =
            [sqs.endpoint_url(), tables.endpoint_url()].map(|behind| front(&acceptor, &behind));
        let (sqs, tables) = (sqs?, tables?);
        let package = package(&format!("{clients}-clients"), &config(clients))?;
        let more = [("SSL_CERT_FILE", &*authority.to_string_lossy())];
        for share in SHARES {
            for _ in 0..STARTS {
                for column in &mut columns {
                    let mut function = start_at(&column.binary, &package, &sqs, Some(&tables), &more)?;
                    column.polls.push(function.first_poll());
                    let _quota = (share < 1.0).then(|| Quota::of(function.id(), share)).transpose()?;
                    let begun = Instant::now();
                    invoke(&mut function, &batch)?;
                    column.batches.push(begun.elapsed());
                }
            }
            let shown = |column: &mut Column| {
                let (poll, batch) = (median(&mut column.polls), median(&mut column.batches));
                format!(" {:.0} + {:.0} ms = **{:.0} ms** |", poll, batch, poll + batch)
            };
            println!("| {clients} | {share} |{}", columns.iter_mut().map(shown).collect::<String>());
        }
    }
    println!("\nload average at the end: {}", load());
    Ok(())
}

/// The median in milliseconds. Empties `times`.
fn median(times: &mut Vec<Duration>) -> f64 {
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    times.clear();
    median.as_secs_f64() * 1e3
}

/// A server's side of TLS for `localhost`, and the file with the certificate that vouches for it.
fn certificates(folder: &Path) -> Result<(TlsAcceptor, PathBuf), Box<dyn Error>> {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let authority = folder.join("authority.pem");
    fs::write(&authority, own.cert.pem())?;
    let certificate = CertificateDer::from_pem_slice(own.cert.pem().as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(own.signing_key.serialize_pem().as_bytes())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok((TlsAcceptor::from(Arc::new(config)), authority))
}

/// Serves over TLS what is at the URL `behind`. Returns its own URL.
fn front(acceptor: &TlsAcceptor, behind: &str) -> Result<String, Box<dyn Error>> {
    let address =
        behind.trim_start_matches("http://").trim_end_matches('/').replace("localhost", "127.0.0.1");
    let behind: SocketAddr = address.parse()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let own = format!("https://localhost:{}", listener.local_addr()?.port());
    let acceptor = acceptor.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || runtime.block_on(serve(listener, acceptor, behind)));
    Ok(own)
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, behind: SocketAddr) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        // Whatever fails ends this connection alone.
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            tokio::time::sleep(CONNECTING).await;
            let mut stream = acceptor.accept(stream).await?;
            let mut behind = TcpStream::connect(behind).await?;
            behind.set_nodelay(true)?;
            copy_bidirectional(&mut stream, &mut behind).await
        });
    }
}
