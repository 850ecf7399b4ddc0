//! The bucket that packages are uploaded to.

use aws::operator::{CallError, CallFault, Target, s3};
use shared::naming::Naming;

/// The default bucket for the packages of `account` in `region`.
pub fn packages_bucket(account: &str, region: &str) -> String {
    format!("mark-event-queue-packages-{account}-{region}")
}

/// The URL from which CloudFormation reads the object called `key`. `endpoint` is that of an emulator; none for AWS.
pub(crate) fn url(endpoint: Option<&str>, naming: &Naming, bucket: &str, key: &str) -> String {
    match endpoint {
        Some(endpoint) => format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/')),
        None => format!("https://{bucket}.s3.{}.{}/{key}", naming.region, naming.dns_suffix()),
    }
}

/// Uploads `content` as `key`, which names this content only, unless it is there already. Returns whether it was new.
pub(crate) async fn upload(
    target: &Target,
    bucket: &str,
    key: &str,
    content: &[u8],
) -> Result<bool, CallError> {
    match s3::head_object(target, bucket, key).await {
        Ok(()) => return Ok(false),
        // Without the right to list the bucket, a missing key is denied (S3 API reference, "HeadObject").
        Err(error) if matches!(error.fault, CallFault::Missing | CallFault::NotAllowed) => {}
        Err(error) => return Err(error),
    }
    s3::put_object(target, bucket, key, content).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn cloudformation_reads_from_the_region_or_the_emulator() {
        let naming = |partition, region| Naming::try_new(partition, region, "111122223333", "").unwrap();
        let aws = None;
        assert_eq!(
            url(aws, &naming("aws-cn", "cn-north-1"), "packages", "template/1.yml"),
            "https://packages.s3.cn-north-1.amazonaws.com.cn/template/1.yml"
        );
        let emulator = Some("http://127.0.0.1:4566/");
        assert_eq!(
            url(emulator, &naming("aws", "eu-west-2"), "packages", "template/1.yml"),
            "http://127.0.0.1:4566/packages/template/1.yml"
        );
    }

    /// The endpoint of an S3 that answers a HEAD and a PUT with these statuses, one request after the other.
    fn service(head: u16, put: u16) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut reader = BufReader::new(connection.unwrap());
                let (mut line, mut first, mut length) = (String::new(), String::new(), 0);
                while reader.read_line(&mut line).unwrap() > 2 {
                    let lower = line.to_ascii_lowercase();
                    if let Some(value) = lower.strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    if first.is_empty() {
                        first.clone_from(&line);
                    }
                    line.clear();
                }
                reader.read_exact(&mut vec![0; length]).unwrap();
                let status = if first.starts_with("HEAD ") { head } else { put };
                let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                reader.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        endpoint
    }

    #[tokio::test]
    async fn an_object_is_uploaded_unless_it_is_there() {
        for (head, put, expected) in [
            (200, 500, "false"),
            (404, 200, "true"),
            (403, 200, "true"),
            (403, 403, "`PutObject` of `packages/1.zip`: HTTP status 403, without a reason"),
            (400, 200, "`HeadObject` of `packages/1.zip`: HTTP status 400, without a reason"),
        ] {
            let target = Target::local(&service(head, put), "eu-west-2");
            let found = upload(&target, "packages", "1.zip", b"zip").await;
            let text = found.map_or_else(|error| error.to_string(), |is_new| is_new.to_string());
            assert_eq!(text, expected, "{head} {put}");
        }
    }
}
