//! A watcher that is killed by `kill -9` ends, when it is started again, where it would have: at every
//! request that it makes, before it, in the middle of the answer, and after it; and at random times.
//! What happens on disk between two requests is in `tests/watch/points.rs`.

use std::process::Command;
use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};

use crate::proxy::{Proxy, When};
use crate::world::{BUCKET, PATIENCE, QUEUE, World, end, past_and_news};

/// A watcher that does all it does often.
const BUSY: [&str; 7] =
    ["--checkpoint-objects", "20", "--checkpoint-seconds", "1", "--correct-every", "1s", "-q"];

/// The watcher that is killed: what it had in hand comes again soon.
fn busy(world: &World) -> Command {
    let mut command = world.watch("killed", &BUSY);
    command.env("OUTFLOW_HIDE_SECONDS", "3");
    command
}

/// Kills the watcher at random times, from its start on, and compares what there is in the end.
fn killed(seed: u64, kills: u32) {
    let Some(world) = World::new() else { return };
    let (past, news) = past_and_news();
    world.upload(past);
    world.peer.announce(BUCKET, QUEUE);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut rest = news;
    for _ in 0..kills {
        let (now, later) = rest.split_at(rng.random_range(0..=rest.len().min(news.len() / kills as usize)));
        rest = later;
        world.upload(now);
        let mut child = busy(&world).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rng.random_range(50..3_000)));
        end(&mut child);
    }
    world.upload(rest);
    world.drain("killed");
    world.assert_as_scanned("killed");
}

/// Every request of the loop, in an order in which each has something to do: the past is listed and
/// read first, and what it tells is published.
const REQUESTS: [(&str, When); 15] = [
    ("ListObjectsV2", When::Before),
    ("GetObject", When::Halfway),
    ("PublishBatch", When::Before),
    ("PublishBatch", When::Halfway),
    ("PublishBatch", When::After),
    ("ReceiveMessage", When::Before),
    ("ReceiveMessage", When::Halfway),
    ("ReceiveMessage", When::After),
    ("GetObject", When::Before),
    ("GetObject", When::Halfway),
    ("GetObject", When::After),
    (HEARTBEAT, When::Before),
    (HEARTBEAT, When::After),
    ("DeleteMessageBatch", When::Before),
    ("DeleteMessageBatch", When::After),
];

/// Hides what is in hand for longer.
const HEARTBEAT: &str = "ChangeMessageVisibilityBatch";

#[test]
fn killed_at_any_request_it_ends_where_it_would_have() {
    let Some(mut world) = World::new() else { return };
    let proxy = Proxy::before(&world.peer.url);
    world.endpoint.clone_from(&proxy.url);
    let (past, news) = past_and_news();
    world.upload(past);
    world.peer.announce(BUCKET, QUEUE);
    for (slice, (request, when)) in news.chunks(news.len().div_ceil(REQUESTS.len())).zip(REQUESTS) {
        world.upload(slice);
        // It beats as long as messages are in hand: they stay there while their deletion is not answered.
        let _held = (request == HEARTBEAT).then(|| proxy.set("DeleteMessageBatch", When::Before));
        let trap = proxy.set(request, when);
        let mut child = busy(&world).spawn().unwrap();
        let is_sprung = trap.sprung.recv_timeout(PATIENCE).is_ok();
        end(&mut child);
        assert!(is_sprung, "no {request} within {PATIENCE:?}");
    }
    world.drain("killed");
    world.assert_as_scanned("killed");
}

#[test]
#[ignore = "minutes; OUTFLOW_KILL_SEEDS and OUTFLOW_KILLS say how many"]
fn killed_often_it_ends_where_it_would_have() {
    let number = |name: &str, default: u32| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    for seed in 0..u64::from(number("OUTFLOW_KILL_SEEDS", 5)) {
        killed(100 + seed, number("OUTFLOW_KILLS", 20));
        eprintln!("seed {}: same alerts, same lake", 100 + seed);
    }
}
