//! `scan --sns-topic-arn …`: against a peer that speaks SNS and SQS what is emitted arrives, once,
//! and where it should; against one that refuses nothing else is lost, and the reason is told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::fleets::EMITTING;
use crate::peers::{MiniStack, REGION};
use crate::s3_support::bare;
use crate::sns_support::{Answer, Sns};
use assert_cmd::Command;
use outflow::alert::Alert;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use tempfile::TempDir;

const TOPIC: &str = "arn:aws:sns:eu-west-1:000000000000:outflow";

fn fleet() -> &'static Path {
    EMITTING.0.path()
}

/// The emitted alerts, in event order, as the scan prints them.
fn lines() -> Vec<&'static str> {
    EMITTING.1.lines().collect()
}

/// A scan of the fleet that publishes to `topic` at `url`, with three attempts and short waits.
fn scan(url: &str, topic: &str, dir: &TempDir) -> Command {
    let config = dir.path().join("outflow.toml");
    fs::write(&config, "[s3]\ntimeout_seconds = 5\nattempts = 3\n").unwrap();
    let mut command = bare(fleet());
    command.env("AWS_ENDPOINT_URL_SNS", url);
    command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
    command.arg("--config").arg(config);
    command.args(["scan", "AWSLogs", "--format", "jsonl", "--sns-topic-arn", topic]);
    command
}

fn bodies(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["Body"].as_str().unwrap()).collect()
}

fn sorted(mut lines: Vec<&str>) -> Vec<&str> {
    lines.sort_unstable();
    lines
}

#[test]
fn what_is_emitted_arrives_as_the_lines_of_the_contract() {
    let Some(peer) = MiniStack::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let topic = peer.create_topic("outflow");
    assert_eq!(topic, TOPIC);
    let all = peer.subscribed_queue("all", &topic, None);
    // The loudest, by number; those of one ENI, by name.
    let alerts: Vec<Alert> = lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let loudest = alerts.iter().map(|alert| alert.severity).max().unwrap();
    let eni = &alerts[0].eni;
    let policy = format!(r#"{{"severity_number":[{{"numeric":[">=",{}]}}]}}"#, loudest as u8 + 1);
    let loud = peer.subscribed_queue("loud", &topic, Some(&policy));
    let own = peer.subscribed_queue("own", &topic, Some(&format!(r#"{{"eni":["{eni}"]}}"#)));
    let said = format!("Published\n  {} alerts", lines().len());
    let scanned = scan(&peer.url, &topic, &dir).assert().success().stderr(contains(said));
    assert_eq!(
        String::from_utf8_lossy(&scanned.get_output().stdout),
        EMITTING.1,
        "printed as without a topic"
    );

    let got = peer.drain(&all);
    assert_eq!(sorted(bodies(&got)), sorted(lines()), "the queue gets what is printed");
    for message in &got {
        let alert: Alert = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
        let attribute = |name: &str| message["MessageAttributes"][name]["StringValue"].as_str().unwrap();
        assert_eq!(attribute("severity"), alert.severity.as_str());
        assert_eq!(attribute("account"), alert.account);
        assert_eq!(attribute("region"), alert.region);
        assert_eq!(attribute("eni"), alert.eni);
        assert_eq!(attribute("detector"), alert.detectors[0].id);
        assert_eq!(message["MessageAttributes"]["score"]["DataType"], "Number");
    }
    let of = |wanted: &dyn Fn(&Alert) -> bool| -> Vec<&str> {
        let both = lines().into_iter().zip(&alerts);
        sorted(both.filter(|(_, alert)| wanted(alert)).map(|(line, _)| line).collect())
    };
    let (got_loud, got_own) = (peer.drain(&loud), peer.drain(&own));
    assert_eq!(sorted(bodies(&got_loud)), of(&|alert| alert.severity == loudest));
    assert_eq!(sorted(bodies(&got_own)), of(&|alert| alert.eni == *eni));
    assert!(got_own.len() < got.len(), "the filter has something to do");
}

#[test]
fn a_fifo_topic_keeps_order_and_drops_repeats() {
    let Some(peer) = MiniStack::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let topic = peer.create_topic("outflow.fifo");
    let queue = peer.subscribed_queue("ordered.fifo", &topic, None);
    for _ in 0..2 {
        scan(&peer.url, &topic, &dir).assert().success();
    }
    let got = peer.drain(&queue);
    assert_eq!(sorted(bodies(&got)), sorted(lines()), "twice published, once delivered");
    let mut by_group: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for message in &got {
        let group = message["Attributes"]["MessageGroupId"].as_str().unwrap();
        by_group.entry(group).or_default().push(message["Body"].as_str().unwrap());
    }
    for (group, bodies) in by_group {
        let eni = group.split('/').nth(1).unwrap();
        let expected: Vec<&str> =
            lines().into_iter().filter(|line| line.contains(&format!("\"eni\":\"{eni}\""))).collect();
        assert_eq!(bodies, expected, "in event order");
    }
}

/// A scan against a peer that answers as told: the exit code is 3, the alerts are printed all the
/// same, cause and remedy are a line each, and as many requests are made.
fn refused(answers: &[Answer], causes: &[&str], remedy: &str) -> Sns {
    let (sns, dir) = (Sns::answering(answers), tempfile::tempdir().unwrap());
    let scanned = scan(&sns.url, TOPIC, &dir).assert().code(3).stdout(EMITTING.1.clone());
    let said = String::from_utf8_lossy(&scanned.get_output().stderr).into_owned();
    let warning = said.lines().find(|line| line.starts_with("warning: ")).unwrap_or_default();
    for cause in causes {
        assert!(warning.contains(cause), "{said}");
    }
    let hint = said.lines().find(|line| line.starts_with("hint: ")).unwrap_or_default();
    assert!(hint.contains(remedy), "{said}");
    sns
}

#[test]
fn refusals_are_told_with_cause_and_remedy_and_lose_nothing_else() {
    let all = format!("{} alerts not published", lines().len());
    for (answer, cause, remedy) in [
        (
            Answer::Refused(
                403,
                "AuthorizationError",
                "User: arn:aws:iam::111111111111:user/a is not authorized",
            ),
            "not allowed to publish to arn:aws:sns:eu-west-1:000000000000:outflow: User: arn",
            "allow sns:Publish on arn:aws:sns:eu-west-1:000000000000:outflow,",
        ),
        (
            Answer::Refused(404, "NotFound", "Topic does not exist"),
            "there is no topic arn:aws:sns:eu-west-1:000000000000:outflow",
            "aws sns list-topics",
        ),
        (
            Answer::Refused(403, "ExpiredToken", "The security token included in the request is expired"),
            "the AWS credentials have expired",
            "aws sso login",
        ),
        (
            Answer::Refused(400, "KMSAccessDenied", "The ciphertext refers to a customer master key"),
            "not allowed to use the topic's KMS key",
            "kms:GenerateDataKey* and kms:Decrypt",
        ),
    ] {
        let sns = refused(&[answer], &[&all, cause], remedy);
        assert!(sns.asked().len() <= 3, "a topic that is lost is not asked for every day");
    }
}

#[test]
fn throttling_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let throttled = Answer::Refused(400, "Throttling", "Rate exceeded");
    let sns = Sns::answering(&[throttled.clone(), throttled, Answer::Taken(vec![])]);
    scan(&sns.url, TOPIC, &dir).assert().success().stderr(contains("not published").not());
    let published: usize = sns.asked()[2..].iter().map(|asked| asked.all(".Message").len()).sum();
    assert_eq!(published, lines().len());
}

#[test]
fn throttling_that_does_not_end_is_told() {
    let throttled = Answer::Refused(400, "ThrottlingException", "Rate exceeded");
    let sns = refused(&[throttled], &["SNS keeps answering ThrottlingException"], "publish again later");
    let asked = sns.asked();
    assert_eq!(asked[0].all(".Message"), asked[2].all(".Message"), "three attempts");
}

#[test]
fn only_what_was_refused_is_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let sns = Sns::answering(&[
        Answer::Taken(vec![(0, "Throttling", "Rate exceeded")]),
        Answer::Taken(vec![(0, "InternalError", "try again")]),
        Answer::Taken(vec![]),
    ]);
    let said = format!("Published\n  {} alerts", lines().len());
    scan(&sns.url, TOPIC, &dir).assert().success().stderr(contains(said));
    let asked = sns.asked();
    let first = asked[0].all(".Message");
    assert_eq!(asked[1].all(".Message"), first[..1]);
    assert_eq!(asked[2].all(".Message"), first[..1]);
}

#[test]
fn a_message_that_is_refused_for_good_is_told_and_the_others_are_published() {
    let all_but_one = format!("Published\n  {} alert", lines().len() - 1);
    let dir = tempfile::tempdir().unwrap();
    let sns =
        Sns::answering(&[Answer::Taken(vec![(0, "InvalidParameter", "Subject")]), Answer::Taken(vec![])]);
    let first: Alert = serde_json::from_str(lines()[0]).unwrap();
    let warning = format!(
        "1 alert not published: SNS answered InvalidParameter (HTTP 200): Subject (ids {})",
        first.id
    );
    scan(&sns.url, TOPIC, &dir).assert().code(3).stderr(contains(warning).and(contains(all_but_one)));
}

#[test]
fn a_message_without_an_answer_is_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let sns = Sns::answering(&[Answer::Forgetful, Answer::Taken(vec![])]);
    let said = format!("Published\n  {} alerts", lines().len());
    scan(&sns.url, TOPIC, &dir).assert().success().stderr(contains(said));
    let asked = sns.asked();
    assert_eq!(asked[1].all(".Message").first(), asked[0].all(".Message").last());
}

#[test]
fn without_credentials_or_with_a_slip_nothing_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let sns = Sns::answering(&[Answer::Taken(vec![])]);
    let mut command = scan(&sns.url, TOPIC, &dir);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command.assert().code(2).stdout("").stderr(contains("no AWS credentials found").and(contains("hint: ")));
    scan(&sns.url, "outflow", &dir).assert().code(2).stderr(contains("use a topic's ARN such as"));
    assert!(sns.asked().is_empty());
}

#[test]
fn a_topic_out_of_reach_costs_nothing_else() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (url, dir) = (format!("http://{closed}"), tempfile::tempdir().unwrap());
    let lake = dir.path().join("lake");
    let mut command = scan(&url, TOPIC, &dir);
    command
        .arg("--lake")
        .arg(&lake)
        .assert()
        .code(3)
        .stdout(EMITTING.1.clone())
        .stderr(contains("cannot reach"));
    assert!(lake.join("alerts").exists() && lake.join("hourly").exists());
}

#[test]
fn a_dry_run_shows_the_messages_and_needs_no_credentials() {
    let dir = tempfile::tempdir().unwrap();
    let sns = Sns::answering(&[Answer::Taken(vec![])]);
    let mut command = scan(&sns.url, TOPIC, &dir);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").arg("-q");
    let scanned = command.arg("--sns-dry-run").assert().success().stdout(EMITTING.1.clone());
    let said = String::from_utf8(scanned.get_output().stderr.clone()).unwrap();
    let texts = |line: &str| -> Value {
        let entry: Value = serde_json::from_str(line).unwrap();
        serde_json::from_str(entry["Message"].as_str().unwrap()).unwrap()
    };
    let shown: Vec<String> =
        said.lines().map(|line| texts(line)["sqs"].as_str().unwrap().to_owned()).collect();
    assert_eq!(shown, lines());
    assert!(sns.asked().is_empty());
    assert!(TOPIC.contains(REGION));
}
