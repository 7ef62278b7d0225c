//! What is uploaded is announced, read, told and read back, also by peers that differ.

use std::fs;

use serde_json::json;

use crate::peers::Peer;
use crate::world::{BUCKET, FLEET, QUEUE, World, past_and_news, wait_until};

#[test]
fn what_is_uploaded_is_told_and_read_back() {
    let Some(world) = World::new() else { return };
    let (past, news) = past_and_news();
    world.upload(past);
    world.peer.announce(BUCKET, QUEUE);
    world.drain("first");
    world.upload(news);
    // Something that nobody can read, and something that nobody may.
    let foreign = r#"{"Records":[{"eventVersion":"2.1","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"elsewhere"},"object":{"key":"x","size":1,"eTag":"e"}}}]}"#;
    for body in ["what is this", foreign] {
        world.peer.sqs("SendMessage", &json!({ "QueueUrl": world.queue, "MessageBody": body }));
    }
    let said = world.drain("first");
    assert!(said.contains(&format!("  {} objects", news.len())), "by their events: {said}");
    assert!(said.contains("1 refused: foreign") && said.contains("1 refused: not_an_event"), "{said}");
    let listed = fs::read_to_string(world.path("first/state/quarantine.jsonl")).unwrap();
    assert!(listed.contains("s3://elsewhere/x") && listed.contains("what is this"), "{listed}");
    world.assert_as_scanned("first");

    // The same once more changes nothing and tells nothing.
    world.upload(&news[news.len() - 40..]);
    let said = world.drain("first");
    assert!(said.contains("40 duplicates") && said.contains("0 alerts told"), "{said}");
    assert!(world.peer.drain(&world.alerts).is_empty(), "told twice");
}

#[test]
fn a_second_watcher_is_refused_and_the_first_ends_cleanly_when_asked() {
    let Some(world) = World::new() else { return };
    world.upload(&FLEET[..12]);
    world.peer.announce(BUCKET, QUEUE);
    let mut first = world.watch("state", &[]).spawn().unwrap();
    let lease = world.path("state/state/checkpoint");
    wait_until("the first has begun", || lease.exists());
    let second = world.watch("state", &[]).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("in use by outflow watch, process {}", first.id())), "{said}");
    let asked = std::process::Command::new("kill").args(["-TERM", &first.id().to_string()]).status().unwrap();
    assert!(asked.success());
    wait_until("the first has ended", || first.try_wait().unwrap().is_some());
    assert_eq!(first.wait().unwrap().code(), Some(0));
}

#[test]
fn a_queue_that_is_not_there_is_told_with_its_remedy() {
    let Some(world) = World::new() else { return };
    world.upload(&FLEET[..1]);
    let command = world.watch("none", &["--drain"]);
    let queue = format!("{}/000000000000/absent", world.peer.url);
    let mut command_args: Vec<String> =
        command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let at = command_args.iter().position(|arg| *arg == world.queue).unwrap();
    command_args[at] = queue;
    let output = world.command().args(command_args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no queue") && said.contains("--queue-url"), "{said}");
}

/// moto names another version of events, no sequencer, and keys with `%2F`.
#[test]
fn a_peer_whose_events_differ_leads_to_the_same() {
    let Some(peer) = Peer::moto() else { return };
    let world = World::over(peer);
    let (past, news) = past_and_news();
    // It is slow: less past, and little news.
    let (rest, last) = news.split_at(news.len() - 30);
    world.upload(&past[past.len() / 4..]);
    world.upload(rest);
    world.peer.announce(BUCKET, QUEUE);
    world.drain("moto");
    world.upload(last);
    let said = world.drain("moto");
    assert!(said.contains("  30 objects"), "by their events: {said}");
    world.assert_as_scanned("moto");
}
