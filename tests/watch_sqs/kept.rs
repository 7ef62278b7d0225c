//! State and lake in S3, and findings that `GuardDuty` exports there.

use outflow::alert::Alert;
use serde_json::json;

use crate::fleet_support::files;
use crate::peers;
use crate::world::{BUCKET, NamedObject, QUEUE, World, past_and_news};

/// A finding of GuardDuty about what `alert` is about, as it exports it: key and line.
fn exported(alert: &Alert) -> NamedObject {
    let (account, region) = (&alert.account, &alert.region);
    let event = json!({
        "schemaVersion": "2.0", "accountId": account, "region": region, "id": "f",
        "arn": format!("arn:aws:guardduty:{region}:{account}:detector/d/finding/f"),
        "type": "Backdoor:EC2/C&CActivity.B", "severity": 8, "updatedAt": alert.last_seen,
        "resource": { "instanceDetails": {
            "instanceId": alert.instance, "networkInterfaces": [{ "networkInterfaceId": alert.eni }],
        } },
        "service": { "eventFirstSeen": alert.first_seen, "eventLastSeen": alert.last_seen, "count": 1, "action": {
            "networkConnectionAction": {
                "connectionDirection": "OUTBOUND", "protocol": "TCP",
                "remoteIpDetails": { "ipAddressV4": alert.destinations[0].peer },
            },
        } },
    });
    let day = alert.last_seen[..10].replace('-', "/");
    (format!("AWSLogs/{account}/GuardDuty/{region}/{day}/f.jsonl.gz"), format!("{event}\n").into_bytes())
}

#[test]
fn with_everything_in_s3_it_ends_where_scan_does() {
    let Some(world) = World::new() else { return };
    world.peer.create_bucket("kept");
    let (past, news) = past_and_news();
    let (now, later) = news.split_at(news.len() / 2);
    world.upload(past);
    world.peer.announce(BUCKET, QUEUE);
    let watch = || {
        let mut command = world.command();
        command.args(["watch", "--queue-url", &world.queue, "--allow", &format!("s3://{BUCKET}/AWSLogs/")]);
        command.args(["--state", "s3://kept/state", "--lake", "s3://kept/lake", "--path-style"]);
        command.args([
            "--backfill",
            "30d",
            "--threads",
            "2",
            "--hide-seconds",
            "3",
            "--guardduty",
            "--drain",
        ]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    world.upload(now);
    watch();
    world.upload(later);
    let (emitted, _) = world.scan();
    let is_host = |alert: &&Alert| alert.destinations[0].peer.parse::<std::net::IpAddr>().is_ok();
    let about = emitted.iter().rfind(is_host).unwrap();
    world.upload(&[exported(about)]);
    // Another process goes on from what the first has kept.
    let told = watch();
    assert!(told.contains(&about.id) && told.contains("C&CActivity"), "{told}");

    let mut scan = world.command();
    scan.args(["scan", &format!("s3://{BUCKET}/AWSLogs/"), "--path-style", "-q"]);
    scan.args(["--guardduty", &format!("s3://{BUCKET}/AWSLogs/"), "--lake"]).arg(world.path("with-findings"));
    assert!(scan.output().unwrap().status.success());
    let want = files(&world.path("with-findings"));
    assert!(want.keys().any(|name| name.starts_with("guardduty")), "{:?}", want.keys());
    for (name, bytes) in want {
        let path = format!("/kept/lake/{}", name.display());
        let (status, got) = peers::http::get(&world.peer.url, &path).unwrap();
        assert_eq!(status, 200, "{path}");
        assert!(got == String::from_utf8_lossy(&bytes), "{} differs", name.display());
    }
}
