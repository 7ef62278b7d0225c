//! AWS services as real protocol peers, each in a Python environment of its own: `MiniStack`, and moto,
//! whose events differ.

#![allow(dead_code, reason = "each test binary uses the part it needs")]
#![allow(clippy::print_stderr, reason = "what is not run is said aloud")]
#![allow(clippy::disallowed_methods, reason = "waiting for a process is bounded by the clock")]
#![allow(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "`.fifo` is the end of a name, not of a file"
)]

pub mod http;
pub mod venv;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Pinned: it is young and released often.
const MINISTACK: &str = "ministack==1.5.33";
/// A cold start takes a second; busy machines are slow.
const READY_WITHIN: Duration = Duration::from_mins(1);
pub const REGION: &str = "eu-west-1";
pub const ACCOUNT: &str = "000000000000";

/// A running peer. Dropping it ends it.
pub struct Peer {
    pub url: String,
    child: Child,
}

pub type MiniStack = Peer;

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    /// `MiniStack`; `None`, said aloud, on a machine that has no way to it.
    pub fn start() -> Option<Self> {
        Self::run(MINISTACK, &[MINISTACK], "/_ministack/health", |venv, port| {
            let mut command = Command::new(venv.join("bin/ministack"));
            command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port);
            command.env("MINISTACK_REGION", REGION);
            command
        })
    }

    /// moto; `None`, said aloud, on a machine that has no way to it.
    pub fn moto() -> Option<Self> {
        Self::run("moto", &venv::MOTO, "/moto-api/data.json", |venv, port| {
            let mut command = Command::new(venv.join("bin/moto_server"));
            command.args(["-H", "127.0.0.1", "-p", port]).env("MOTO_ACCOUNT_ID", ACCOUNT);
            command
        })
    }

    /// Runs what `command` makes of an environment and a port, until it answers at `health`.
    fn run(
        name: &str,
        packages: &[&str],
        health: &str,
        command: impl FnOnce(&Path, &str) -> Command,
    ) -> Option<Self> {
        let venv = venv::with(name, packages).map_err(|needs| eprintln!("not run: {needs}")).ok()?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let path = venv.join(format!("log-{port}"));
        let log = fs::File::create(&path).unwrap();
        let child = command(&venv, &port)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut peer = Self { url: format!("http://127.0.0.1:{port}"), child };
        let start = Instant::now();
        while http::get(&peer.url, health).is_none_or(|(status, _)| status != 200) {
            let ended = peer.child.try_wait().unwrap();
            assert!(ended.is_none(), "{name} ended: see {}", path.display());
            assert!(start.elapsed() < READY_WITHIN, "{name} is not ready: see {}", path.display());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(peer)
    }

    /// An action of SNS; the text of `element` in the answer.
    pub fn sns(&self, action: &str, parameters: &[(&str, &str)], element: &str) -> String {
        let mut form = vec![("Action", action), ("Version", "2010-03-31")];
        form.extend_from_slice(parameters);
        let headers =
            [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", &signed("sns"))];
        let (status, answer) = http::post(&self.url, &headers, http::form(&form).as_bytes());
        assert_eq!(status, 200, "{action}: {answer}");
        let text = answer.split(&format!("<{element}>")).nth(1).unwrap_or_default();
        text.split('<').next().unwrap_or_default().to_owned()
    }

    /// An action of SQS and its answer.
    pub fn sqs(&self, action: &str, parameters: &Value) -> Value {
        let target = format!("AmazonSQS.{action}");
        let headers = [
            ("Content-Type", "application/x-amz-json-1.0"),
            ("X-Amz-Target", &target),
            ("Authorization", &signed("sqs")),
        ];
        let (status, answer) = http::post(&self.url, &headers, parameters.to_string().as_bytes());
        assert_eq!(status, 200, "{action}: {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }

    pub fn create_bucket(&self, name: &str) {
        let body = format!(
            "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        );
        self.s3_put(&format!("/{name}"), body.as_bytes());
    }

    /// Puts an object, or a bucket's setting (`?name`).
    pub fn s3_put(&self, path: &str, body: &[u8]) {
        let authorization = signed("s3");
        let headers = [("Authorization", authorization.as_str())];
        let (status, answer) = http::put(&self.url, path, &headers, body);
        assert_eq!(status, 200, "PUT {path}: {answer}");
    }

    /// Lets the bucket announce what is written to it on the queue called `queue`.
    pub fn announce(&self, bucket: &str, queue: &str) {
        let body = format!(
            "<NotificationConfiguration><QueueConfiguration><Id>all</Id><Queue>arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}</Queue><Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>"
        );
        self.s3_put(&format!("/{bucket}?notification"), body.as_bytes());
    }

    /// Messages of a queue that nobody has deleted: waiting, and hidden.
    pub fn messages(&self, queue: &str) -> u64 {
        let wanted = json!({ "QueueUrl": queue, "AttributeNames": ["All"] });
        let answer = self.sqs("GetQueueAttributes", &wanted);
        let number =
            |name: &str| answer["Attributes"][name].as_str().and_then(|text| text.parse::<u64>().ok());
        ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            .iter()
            .filter_map(|name| number(name))
            .sum()
    }

    pub fn create_topic(&self, name: &str) -> String {
        let mut parameters = vec![("Name", name)];
        if name.ends_with(".fifo") {
            parameters
                .extend([("Attributes.entry.1.key", "FifoTopic"), ("Attributes.entry.1.value", "true")]);
        }
        self.sns("CreateTopic", &parameters, "TopicArn")
    }

    /// A queue that gets what `topic` publishes and `policy` lets through, each message as it is.
    pub fn subscribed_queue(&self, name: &str, topic: &str, policy: Option<&str>) -> String {
        let attributes = if name.ends_with(".fifo") { json!({ "FifoQueue": "true" }) } else { json!({}) };
        let queue = self.sqs("CreateQueue", &json!({ "QueueName": name, "Attributes": attributes }));
        let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}");
        let mut parameters = vec![
            ("TopicArn", topic),
            ("Protocol", "sqs"),
            ("Endpoint", &arn),
            ("Attributes.entry.1.key", "RawMessageDelivery"),
            ("Attributes.entry.1.value", "true"),
        ];
        if let Some(policy) = policy {
            parameters
                .extend([("Attributes.entry.2.key", "FilterPolicy"), ("Attributes.entry.2.value", policy)]);
        }
        self.sns("Subscribe", &parameters, "SubscriptionArn");
        queue["QueueUrl"].as_str().unwrap().to_owned()
    }

    /// Takes all messages out of a queue.
    pub fn drain(&self, queue: &str) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let wanted = json!({
                "QueueUrl": queue,
                "MaxNumberOfMessages": 10,
                "MessageAttributeNames": ["All"],
                "MessageSystemAttributeNames": ["All"],
            });
            let answer = self.sqs("ReceiveMessage", &wanted);
            let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
            if messages.is_empty() {
                return all;
            }
            for message in messages {
                let receipt = json!({ "QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"] });
                self.sqs("DeleteMessage", &receipt);
                all.push(message);
            }
        }
    }
}

/// The part of a signature that says for which service it is: the peer asks no more.
fn signed(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260301/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}
