//! As much HTTP/1.1 as the AWS clients need of a local server: requests with a length, connections that stay.
//!
//! A thread for each connection: a hundred waiting threads cost next to no CPU, which the benches share with them.

use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A request, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// In the order of the wire, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What a handler does with a request.
pub(crate) enum Reply {
    Answer(Answer),
    /// Ends the connection with a reset and no answer.
    Reset,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// A server on loopback. It stops accepting connections when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stopped: Arc<AtomicBool>,
    connections: Arc<Connections>,
}

/// How many connections there were, and how many of them were made before there was a call.
#[derive(Debug, Default)]
struct Connections {
    counts: Mutex<(usize, usize)>,
    changed: Condvar,
}

/// How long a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

impl Server {
    /// Serves on a free port; `handler` is called on the connection's thread.
    pub(crate) fn start(handler: impl Fn(Request) -> Reply + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let (handler, stop) = (Arc::new(handler), Arc::clone(&stopped));
        let connections = Arc::<Connections>::default();
        let counted = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), handler) = (stream, Arc::clone(&handler)) else { continue };
                let connections = Arc::clone(&counted);
                connections.count(|(all, _)| *all += 1);
                // The peer sees an error of its connection; no other connection is affected.
                thread::spawn(move || serve(stream, &connections, handler.as_ref()));
            }
        });
        Ok(Self { address, stopped, connections })
    }

    /// How many connections were made until now.
    pub(crate) fn connections(&self) -> usize {
        self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until this many connections were made before there was a call. Returns whether they were.
    pub(crate) fn wait_for_early(&self, count: usize) -> bool {
        let counts = self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let lacks = |(_, early): &mut (usize, usize)| *early < count;
        let waited = self.connections.changed.wait_timeout_while(counts, PATIENCE, lacks);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the accepting thread; if it has ended, there is none.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

impl Reply {
    pub(crate) fn json(status: u16, body: String) -> Self {
        let headers = vec![("content-type", "application/x-amz-json-1.0".to_owned())];
        Self::Answer(Answer { status, headers, body: body.into_bytes() })
    }
}

/// Posts `body` and reads the answer to its end: status and body.
pub(crate) fn post(address: SocketAddr, path: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let request = Request {
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: body.to_vec(),
    };
    forward(address, &request)
}

/// Sends `request` to `address` and reads the answer to its end: status and body.
pub(crate) fn forward(address: SocketAddr, request: &Request) -> io::Result<(u16, Vec<u8>)> {
    let Request { method, path, headers, body } = request;
    let mut stream = TcpStream::connect(address)?;
    // In HTTP/1.0 the end of the answer is the end of the connection: no chunks.
    write!(stream, "{method} {path} HTTP/1.0\r\nhost: {address}\r\ncontent-length: {}\r\n", body.len())?;
    let hop = ["host", "content-length", "connection"];
    for (name, value) in headers.iter().filter(|(name, _)| !hop.contains(&name.as_str())) {
        write!(stream, "{name}: {value}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(body)?;
    let mut answer = BufReader::new(stream);
    let status_line = read_line(&mut answer)?;
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| invalid(format!("no status in `{status_line}`")))?;
    while !read_line(&mut answer)?.is_empty() {}
    let mut body = Vec::new();
    answer.read_to_end(&mut body)?;
    Ok((status, body))
}

impl Connections {
    fn count(&self, count: impl FnOnce(&mut (usize, usize))) {
        count(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

fn serve(
    stream: TcpStream,
    connections: &Connections,
    handler: &impl Fn(Request) -> Reply,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 * 1024, stream.try_clone()?);
    while let Some(request) = read_request(&mut reader)? {
        if (request.method.as_str(), request.path.as_str()) == ("GET", "/") {
            write_answer(&stream, &Answer { status: 404, headers: Vec::new(), body: Vec::new() })?;
            connections.count(|(_, early)| *early += 1);
            continue;
        }
        match handler(request) {
            Reply::Answer(answer) => write_answer(&stream, &answer)?,
            Reply::Reset => return socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
        }
    }
    Ok(())
}

/// The next request; `None` at the end of the connection.
pub(super) fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    if reader.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let request_line = read_line(reader)?;
    let mut words = request_line.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(invalid(format!("no request line: `{request_line}`")));
    };
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, path, headers, body: Vec::new() };
    if request.header("transfer-encoding").is_some() {
        return Err(invalid("a body without a length".to_owned()));
    }
    let length = request.header("content-length").map_or(Ok(0), str::parse);
    request.body = vec![0; length.map_err(|error| invalid(format!("`content-length`: {error}")))?];
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}

fn write_answer(mut stream: &TcpStream, answer: &Answer) -> io::Result<()> {
    let mut bytes =
        format!("HTTP/1.1 {} -\r\ncontent-length: {}\r\n", answer.status, answer.body.len()).into_bytes();
    for (name, value) in &answer.headers {
        write!(bytes, "{name}: {value}\r\n")?;
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&answer.body);
    stream.write_all(&bytes)
}

/// A line without its end; empty at the end of the input.
fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    line.truncate(line.trim_end().len());
    Ok(line)
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
