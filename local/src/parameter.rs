//! A parameter of MiniStack's Parameter Store.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Keeps `value` under `name` at `endpoint`. (Nothing else here calls this service: a client of it would take minutes to
/// compile.)
///
/// # Errors
///
/// [`io::Error`]: MiniStack does not answer, or refuses it.
pub async fn put(endpoint: &str, name: &str, value: &str) -> io::Result<()> {
    let authority = endpoint.trim_start_matches("http://");
    let body = serde_json::json!({ "Name": name, "Value": value, "Type": "SecureString", "Overwrite": true });
    let body = body.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {authority}\r\nX-Amz-Target: AmazonSSM.PutParameter\r\n\
         Content-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(authority).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.lines().next().unwrap_or_default();
    if status.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(io::Error::other(status.to_owned())) }
}
