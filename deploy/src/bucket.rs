//! The bucket that packages are uploaded to.

use aws::operator::s3::{self, Bucket};
use aws::operator::{CallError, CallFault, Target};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};
use shared::naming::Naming;

/// The default bucket for the packages of `account` in `region`.
pub fn packages_bucket(account: &str, region: &str) -> String {
    format!("mark-event-queue-packages-{account}-{region}")
}

/// An object of the deploy, as it is in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UploadedObject {
    pub(crate) key: String,
    /// None if the bucket has no versions.
    pub(crate) version: Option<String>,
    /// Whether it had to be put.
    pub(crate) is_new: bool,
}

impl UploadedObject {
    /// The object's place for SAM: with its version, so that what is put under the same key later changes nothing.
    pub(crate) fn code_uri(&self, bucket: &str) -> String {
        format!("s3://{bucket}/{}", self.path())
    }

    /// The URL from which CloudFormation reads the object. `endpoint` is that of an emulator; none for AWS.
    pub(crate) fn url(&self, endpoint: Option<&str>, naming: &Naming, bucket: &str) -> String {
        let path = self.path();
        match endpoint {
            Some(endpoint) => format!("{}/{bucket}/{path}", endpoint.trim_end_matches('/')),
            None => format!("https://{bucket}.s3.{}.{}/{path}", naming.region, naming.dns_suffix()),
        }
    }

    fn path(&self) -> String {
        match &self.version {
            Some(version) => format!("{}?versionId={version}", self.key),
            None => self.key.clone(),
        }
    }
}

/// Uploads `content` as `key`, unless an object with this content is there.
pub(crate) async fn upload(
    target: &Target,
    bucket: Bucket<'_>,
    key: &str,
    content: &[u8],
) -> Result<UploadedObject, CallError> {
    let key = key.to_owned();
    match s3::head_object(target, bucket, &key).await {
        // The key names the content, but everyone who may write to the bucket can put another under it.
        Ok(found) if found.sha256 == Some(BASE64.encode(Sha256::digest(content))) => {
            return Ok(UploadedObject { key, version: found.version, is_new: false });
        }
        Ok(_) => {}
        // Without the right to list the bucket, a missing key is denied (S3 API reference, "HeadObject").
        Err(error) if matches!(error.fault, CallFault::Missing | CallFault::NotAllowed) => {}
        Err(error) => return Err(error),
    }
    let version = s3::put_object(target, bucket, &key, content).await?;
    Ok(UploadedObject { key, version, is_new: true })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const CONTENT: &[u8] = b"zip";
    /// The header of its SHA-256.
    const OURS: &str = "x-amz-checksum-sha256: SnD+mqZDbgLC3qNA+9HjUuTvLYzmylKtJdS5VHH8i/I=\r\n";

    fn uploaded(version: Option<&str>) -> UploadedObject {
        UploadedObject { key: "template/1.yml".to_owned(), version: version.map(str::to_owned), is_new: true }
    }

    #[test]
    fn cloudformation_reads_from_the_region_or_the_emulator() {
        let naming = |partition, region| Naming::try_new(partition, region, "111122223333", "").unwrap();
        assert_eq!(
            uploaded(None).url(None, &naming("aws-cn", "cn-north-1"), "packages"),
            "https://packages.s3.cn-north-1.amazonaws.com.cn/template/1.yml"
        );
        assert_eq!(
            uploaded(Some("v1")).url(Some("http://127.0.0.1:4566/"), &naming("aws", "eu-west-2"), "packages"),
            "http://127.0.0.1:4566/packages/template/1.yml?versionId=v1"
        );
        assert_eq!(uploaded(Some("v1")).code_uri("packages"), "s3://packages/template/1.yml?versionId=v1");
        assert_eq!(uploaded(None).code_uri("packages"), "s3://packages/template/1.yml");
    }

    /// The endpoint of an S3 that answers a HEAD and a PUT like this, one request after the other: status, and a header
    /// line besides. It refuses what doesn't name the bucket's owner.
    fn service(head: (u16, &'static str), put: (u16, &'static str)) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut reader = BufReader::new(connection.unwrap());
                let (mut line, mut request) = (String::new(), String::new());
                while reader.read_line(&mut line).unwrap() > 2 {
                    request.push_str(&line.to_ascii_lowercase());
                    line.clear();
                }
                let length = request
                    .split_once("\ncontent-length:")
                    .map_or(0, |(_, after)| after.lines().next().unwrap().trim().parse().unwrap());
                reader.read_exact(&mut vec![0; length]).unwrap();
                let (status, header) = if request.starts_with("head ") { head } else { put };
                let is_ours = request.contains("x-amz-expected-bucket-owner: 111122223333");
                let status = if is_ours { status } else { 599 };
                let answer =
                    format!("HTTP/1.1 {status} x\r\n{header}Content-Length: 0\r\nConnection: close\r\n\r\n");
                reader.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        endpoint
    }

    #[tokio::test]
    async fn an_object_is_uploaded_unless_its_content_is_there() {
        let others = "x-amz-checksum-sha256: AAAA\r\nx-amz-version-id: v0\r\n";
        for (head, put, expected) in [
            ((200, OURS), (500, ""), "there"),
            ((200, others), (200, "x-amz-version-id: v1\r\n"), "put as v1"),
            ((200, ""), (200, ""), "put"),
            ((404, ""), (200, ""), "put"),
            ((403, ""), (200, ""), "put"),
            ((403, ""), (403, ""), "`PutObject` of `packages/1.zip`: HTTP status 403, without a reason"),
            ((400, ""), (200, ""), "`HeadObject` of `packages/1.zip`: HTTP status 400, without a reason"),
        ] {
            let target = Target::local(&service(head, put), "eu-west-2");
            let bucket = Bucket { name: "packages", owner: "111122223333" };
            let text = match upload(&target, bucket, "1.zip", CONTENT).await {
                Ok(UploadedObject { is_new: false, .. }) => "there".to_owned(),
                Ok(UploadedObject { version: Some(version), .. }) => format!("put as {version}"),
                Ok(UploadedObject { version: None, .. }) => "put".to_owned(),
                Err(error) => error.to_string(),
            };
            assert_eq!(text, expected, "{head:?} {put:?}");
        }
    }
}
