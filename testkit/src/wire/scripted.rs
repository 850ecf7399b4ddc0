//! A server that does what a test says with each request, over TLS or without: it answers, hangs, answers without end, or
//! goes away.

#![expect(clippy::expect_used, reason = "in tests a panic is the report")]

use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::wire::http::{self, read_request};

/// A request that came.
#[derive(Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The method.
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It is answered.
    Answer {
        /// The status.
        status: u16,
        /// Besides the length.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// It is answered with this status and a body that never ends.
    Endless(u16),
    /// It is answered with this status and the beginning of a body; then nothing more comes.
    Stalled(u16),
    /// It is answered with nothing.
    Silent,
    /// The connection ends.
    Reset,
}

/// A server on loopback. It stops accepting connections when it is dropped.
pub struct ScriptedServer {
    /// Where it is.
    pub address: SocketAddr,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    is_stopped: Arc<AtomicBool>,
}

impl ScriptedServer {
    /// A server that does with each request what `react` says.
    ///
    /// # Panics
    ///
    /// There is no free port.
    pub fn plain(react: impl Fn(&Arrival) -> Reaction + Send + Sync + 'static) -> Self {
        Self::start(react, Ok)
    }

    /// The same on what `open` makes of a connection: TLS, for one.
    ///
    /// # Panics
    ///
    /// There is no free port.
    pub fn start<S: Read + Write>(
        react: impl Fn(&Arrival) -> Reaction + Send + Sync + 'static,
        open: impl Fn(TcpStream) -> io::Result<S> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (arrivals, is_stopped) = (Arc::<Mutex<Vec<Arrival>>>::default(), Arc::<AtomicBool>::default());
        let (came, end) = (Arc::clone(&arrivals), Arc::clone(&is_stopped));
        let (react, open) = (Arc::new(react), Arc::new(open));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let (came, react, open) = (Arc::clone(&came), Arc::clone(&react), Arc::clone(&open));
                thread::spawn(move || {
                    let breaker = stream.try_clone();
                    let served = open(stream).and_then(|stream| serve(stream, &came, react.as_ref()));
                    // A reset, or what the peer did: it is seen on the other side.
                    if let (Err(_), Ok(stream)) = (served, breaker) {
                        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                    }
                });
            }
        });
        Self { address, arrivals, is_stopped }
    }

    /// What came, in its order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        locked(&self.arrivals).clone()
    }
}

impl Reaction {
    /// An answer without headers.
    pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.into() }
    }

    /// What the server at `address`, without TLS, answers to the same request at `path`. Its headers are left out.
    ///
    /// # Errors
    ///
    /// It can't be reached.
    pub fn of(address: SocketAddr, arrival: &Arrival, path: &str) -> io::Result<Self> {
        let Arrival { method, headers, body, .. } = arrival.clone();
        let request = http::Request { method, path: path.to_owned(), headers, body };
        let (status, body) = http::forward(address, &request)?;
        Ok(Self::answer(status, body))
    }

    /// An answer with a header.
    pub fn answer_with(status: u16, name: &'static str, value: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status, headers: vec![(name, value.to_owned())], body: body.into() }
    }
}

impl Arrival {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn serve(
    stream: impl Read + Write,
    came: &Mutex<Vec<Arrival>>,
    react: &impl Fn(&Arrival) -> Reaction,
) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader)? {
        let arrival = Arrival {
            method: request.method,
            path: request.path,
            headers: request.headers,
            body: request.body,
        };
        locked(came).push(arrival.clone());
        let stream = reader.get_mut();
        match react(&arrival) {
            Reaction::Answer { status, headers, body } => {
                write!(stream, "HTTP/1.1 {status} -\r\ncontent-length: {}\r\n", body.len())?;
                for (name, value) in headers {
                    write!(stream, "{name}: {value}\r\n")?;
                }
                stream.write_all(b"\r\n")?;
                stream.write_all(&body)?;
                stream.flush()?;
            }
            Reaction::Endless(status) => {
                write!(stream, "HTTP/1.1 {status} -\r\ntransfer-encoding: chunked\r\n\r\n")?;
                // Until the peer has enough.
                loop {
                    write!(stream, "400\r\n{}\r\n", "x".repeat(0x400))?;
                    stream.flush()?;
                }
            }
            Reaction::Stalled(status) => {
                write!(stream, "HTTP/1.1 {status} -\r\ncontent-length: 1000\r\n\r\n{{\"beginning\":")?;
                stream.flush()?;
                return until_the_peer_leaves(stream);
            }
            Reaction::Silent => return until_the_peer_leaves(stream),
            Reaction::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
        }
    }
    Ok(())
}

fn until_the_peer_leaves(stream: &mut impl Read) -> io::Result<()> {
    while stream.read(&mut [0; 256])? > 0 {}
    Ok(())
}

fn locked(arrivals: &Mutex<Vec<Arrival>>) -> MutexGuard<'_, Vec<Arrival>> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        // Wakes the accepting thread; if it has ended, there is none.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

impl fmt::Debug for ScriptedServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ScriptedServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl fmt::Debug for Arrival {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {:?} {}", self.method, self.path, self.headers, self.text())
    }
}
