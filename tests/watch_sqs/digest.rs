//! Alerts gathered in digests: the same alerts, in fewer messages, to all who asked for them.

use std::collections::BTreeSet;

use outflow::alert::{Alert, Severity};
use serde_json::Value;

use crate::world::{BUCKET, QUEUE, World, past_and_news};

#[test]
fn a_digest_holds_what_single_messages_would() {
    let Some(world) = World::new() else { return };
    let subscribed = |name: &str| {
        let policy = format!(r#"{{"severity": ["{name}"]}}"#);
        (name.to_owned(), world.peer.subscribed_queue(name, &world.topic, Some(&policy)))
    };
    let by_severity = ["LOW", "MEDIUM", "HIGH", "CRITICAL"].map(subscribed);
    let none = world.peer.subscribed_queue("none", &world.topic, Some(r#"{"account": ["999999999999"]}"#));
    let (past, news) = past_and_news();
    world.upload(past);
    world.peer.announce(BUCKET, QUEUE);
    world.upload(news);
    let output = world.watch("gathered", &["--drain", "--digest", "1h"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let printed: Vec<Alert> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let bodies: Vec<Value> = world
        .peer
        .drain(&world.alerts)
        .iter()
        .map(|message| serde_json::from_str(message["Body"].as_str().unwrap()).unwrap())
        .collect();
    let (digests, alone): (Vec<&Value>, Vec<&Value>) =
        bodies.iter().partition(|body| body["schema"] == "outflow.digest.v1");
    assert!(!digests.is_empty() && bodies.len() < printed.len(), "{} messages", bodies.len());
    let id = |alert: &Value| alert["id"].as_str().unwrap().to_owned();
    let of_digests = digests.iter().flat_map(|digest| digest["alerts"].as_array().unwrap());
    let rows: Vec<&Value> = of_digests.collect();
    let got: BTreeSet<String> = rows.iter().copied().chain(alone.iter().copied()).map(id).collect();
    assert_eq!(got, printed.iter().map(|alert| alert.id.clone()).collect());
    assert!(rows.iter().all(|row| row["severity"] != "CRITICAL"), "it does not wait");
    let critical = printed.iter().filter(|alert| alert.severity == Severity::Critical).count();
    assert!(alone.len() >= critical);
    for (severity, queue) in by_severity {
        let has_some = rows.iter().copied().chain(alone.iter().copied()).any(|a| a["severity"] == severity);
        assert_eq!(!world.peer.drain(&queue).is_empty(), has_some, "{severity}");
    }
    assert!(world.peer.drain(&none).is_empty());
}

#[test]
fn a_digest_on_a_fifo_topic_is_refused() {
    let Some(world) = World::new() else { return };
    let fifo = world.peer.create_topic("alerts.fifo");
    let mut command = world.command();
    command.args([
        "watch",
        "--queue-url",
        &world.queue,
        "--allow",
        &format!("s3://{BUCKET}"),
        "--digest",
        "15m",
    ]);
    command.arg("--state").arg(world.path("refused")).args(["--sns-topic-arn", &fifo, "--path-style"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("a digest on a FIFO topic") && said.contains("name a standard topic"), "{said}");
}
