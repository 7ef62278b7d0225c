//! What is shipped to set the watcher up in an account: the template is sound, and allows what is
//! needed and nothing else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "what is not run is said aloud")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};

/// Pinned: new releases know new rules.
const CFN_LINT: &str = "cfn-lint==1.58.0";
/// Prints the template as JSON, with `!Ref` and its like spelled out.
const TO_JSON: &str = "import json, sys; from cfnlint.decode import cfn_yaml; \
                       print(json.dumps(cfn_yaml.load(sys.argv[1])))";

/// What the watcher may do; `s3:PutObject` in the bucket of the lake only.
const WATCHER: [&str; 10] = [
    "kms:Decrypt",
    "kms:GenerateDataKey*",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
    "sns:Publish",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `cfn-lint`; `None`, said aloud, on a machine that has no way to it.
fn venv() -> Option<PathBuf> {
    crate::peers::venv::with(CFN_LINT, &[CFN_LINT]).map_err(|needs| eprintln!("not run: {needs}")).ok()
}

/// The template, read once.
fn template() -> Option<&'static Value> {
    static TEMPLATE: LazyLock<Option<Value>> = LazyLock::new(|| {
        let python = venv()?.join("bin/python");
        let path = root().join("deploy/outflow-watch.yaml");
        let output = Command::new(python).args(["-c", TO_JSON]).arg(path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(serde_json::from_slice(&output.stdout).unwrap())
    });
    TEMPLATE.as_ref()
}

/// The statements of a policy, those under conditions too.
fn statements(document: &Value) -> Vec<&Value> {
    let all = document["Statement"].as_array().unwrap().iter();
    all.map(|one| one.get("Fn::If").map_or(one, |branches| &branches[1])).collect()
}

fn words(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(all) => all.iter().map(|one| one.as_str().unwrap()).collect(),
        one => vec![one.as_str().unwrap()],
    }
}

fn actions<'a>(statements: &[&'a Value]) -> BTreeSet<&'a str> {
    statements.iter().flat_map(|one| words(&one["Action"])).collect()
}

/// Every string below a value.
fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(all) => all.iter().for_each(|one| texts(one, found)),
        Value::Object(all) => all.values().for_each(|one| texts(one, found)),
        _ => {}
    }
}

#[test]
fn the_template_passes_cfn_lint() {
    let Some(venv) = venv() else { return };
    let mut lint = Command::new(venv.join("bin/cfn-lint"));
    lint.args(["--include-checks", "I", "--regions", "eu-west-1", "us-east-1", "us-gov-west-1", "--"]);
    let output = lint.arg(root().join("deploy/outflow-watch.yaml")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_watcher_may_do_what_it_needs_and_nothing_else() {
    let Some(template) = template() else { return };
    let document = &template["Resources"]["WatcherPolicy"]["Properties"]["PolicyDocument"];
    let statements = statements(document);
    assert_eq!(actions(&statements), BTreeSet::from(WATCHER));
    for statement in &statements {
        let resource = &statement["Resource"];
        let sid = &statement["Sid"];
        assert!(resource.is_object(), "{sid}: names its resource: {resource}");
        let mut found = Vec::new();
        texts(resource, &mut found);
        // A prefix in a bucket, and no wildcard else.
        let bucket_prefix = |text: &str| text.ends_with("Prefix}*") && text.contains(":s3:::${");
        assert!(found.iter().all(|text| !text.contains('*') || bucket_prefix(text)), "{sid}: {found:?}");
        let needs_condition =
            words(&statement["Action"]).iter().any(|a| a.starts_with("kms:") || *a == "s3:ListBucket");
        assert_eq!(statement["Condition"].is_object(), needs_condition, "{sid}");
    }
    let writes: Vec<_> =
        statements.iter().filter(|one| words(&one["Action"]).contains(&"s3:PutObject")).collect();
    assert!(writes.iter().all(|one| one["Resource"].to_string().contains("LakeBucketName")), "{writes:?}");
}

/// Anybody's bucket, topic or rule could write to the queue otherwise.
#[test]
fn only_the_sources_that_are_named_may_write_to_the_queue() {
    let Some(template) = template() else { return };
    let resources = &template["Resources"];
    let queue = statements(&resources["QueuePolicy"]["Properties"]["PolicyDocument"]);
    let allowed: Vec<_> = queue.iter().filter(|one| one["Effect"] == "Allow").collect();
    assert_eq!(allowed.len(), 4);
    for statement in allowed {
        assert_eq!(statement["Action"], "sqs:SendMessage");
        assert!(statement["Condition"]["ArnEquals"]["aws:SourceArn"].is_object(), "{statement}");
        if statement["Principal"]["Service"] == "s3.amazonaws.com" {
            assert!(statement["Condition"]["StringEquals"]["aws:SourceAccount"].is_object(), "{statement}");
        }
    }
    let key = statements(&resources["Key"]["Properties"]["KeyPolicy"]);
    let of_services = |list: &[&Value]| -> BTreeSet<String> {
        let services = list.iter().filter(|one| one["Effect"] == "Allow");
        services.filter_map(|one| one["Principal"]["Service"].as_str()).map(str::to_owned).collect()
    };
    assert_eq!(of_services(&key), of_services(&queue), "who writes to the queue needs its key");
}

#[test]
fn a_message_that_cannot_be_taken_is_kept_longer_than_the_others() {
    let Some(template) = template() else { return };
    let of = |name: &str| template["Resources"][name]["Properties"].clone();
    let (queue, dead) = (of("Queue"), of("DeadLetters"));
    assert_eq!(queue["RedrivePolicy"]["maxReceiveCount"], 12);
    assert_eq!(
        queue["RedrivePolicy"]["deadLetterTargetArn"],
        json!({ "Fn::GetAtt": ["DeadLetters", "Arn"] })
    );
    let seconds = |queue: &Value| queue["MessageRetentionPeriod"].as_u64().unwrap();
    assert!(seconds(&dead) > 2 * seconds(&queue));
    for encrypted in [&queue, &dead, &of("Alerts")] {
        assert_eq!(encrypted["KmsMasterKeyId"], json!({ "Fn::GetAtt": ["Key", "Arn"] }));
    }
}

/// The policy for those who do not use `CloudFormation` is the same one.
#[test]
fn the_policy_of_the_handbook_is_that_of_the_template() {
    let handbook = fs::read_to_string(root().join("deploy/README.md")).unwrap();
    let policy = handbook.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let policy: Value = serde_json::from_str(policy).unwrap();
    let Some(template) = template() else { return };
    let document = &template["Resources"]["WatcherPolicy"]["Properties"]["PolicyDocument"];
    let (ours, theirs) = (statements(&policy), statements(document));
    let of_lake = |one: &&&Value| one["Sid"].as_str().unwrap().ends_with("Lake");
    let theirs: Vec<_> = theirs.iter().filter(|one| !of_lake(one)).copied().collect();
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours["Sid"], theirs["Sid"]);
        let set = |one: &Value| words(&one["Action"]).iter().map(|&a| a.to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(set(ours), set(theirs), "{}", ours["Sid"]);
        assert_eq!(ours["Condition"].is_object(), theirs["Condition"].is_object(), "{}", ours["Sid"]);
    }
}
