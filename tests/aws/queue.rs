//! A queue that says at once what it has: messages in an order that a test chooses, a few at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use crate::api_support::{Asked, Service};
use serde_json::{Value, json};

/// Messages of one answer.
const AT_ONCE: usize = 10;

#[derive(Default)]
struct State {
    waiting: VecDeque<String>,
    /// Received and not deleted, by receipt.
    in_hand: BTreeMap<String, String>,
    received: usize,
    /// Messages that are given before the queue seems empty once: so much is read together.
    of_round: usize,
}

/// A running queue. It ends with the process.
pub struct Queue {
    service: Service,
    state: Arc<Mutex<State>>,
}

impl Queue {
    /// With these bodies, `of_round` at a time.
    pub fn with(bodies: Vec<String>, of_round: usize) -> Self {
        let state = State { waiting: bodies.into(), of_round, ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let own = Arc::clone(&state);
        let service = Service::answering("sqs", move |asked| {
            (200, answer(&mut own.lock().unwrap(), asked).to_string())
        });
        Self { service, state }
    }

    /// Where it is.
    pub fn endpoint(&self) -> &str {
        &self.service.url
    }

    /// What it is called.
    pub fn url(&self) -> String {
        format!("{}/000000000000/outflow", self.service.url)
    }

    /// Messages that nobody has deleted.
    pub fn messages(&self) -> usize {
        let state = self.state.lock().unwrap();
        state.waiting.len() + state.in_hand.len()
    }
}

fn answer(state: &mut State, asked: &Asked) -> Value {
    let wanted = asked.json();
    match asked.header("x-amz-target").rsplit('.').next() {
        Some("ReceiveMessage") => receive(state),
        Some("DeleteMessageBatch") => {
            let entries = wanted["Entries"].as_array().unwrap();
            for entry in entries {
                state.in_hand.remove(entry["ReceiptHandle"].as_str().unwrap());
            }
            all_well(entries)
        }
        Some("ChangeMessageVisibilityBatch") => all_well(wanted["Entries"].as_array().unwrap()),
        other => json!({ "__type": format!("unknown: {other:?}") }),
    }
}

fn receive(state: &mut State) -> Value {
    // A watcher takes what is there before it reads: an answer without messages ends that.
    let is_round_over = state.received >= state.of_round;
    if is_round_over {
        state.received = 0;
        return json!({ "Messages": [] });
    }
    let count = AT_ONCE.min(state.waiting.len());
    state.received = if count == 0 { 0 } else { state.received + count };
    let mut messages = Vec::new();
    for body in state.waiting.drain(..count).collect::<Vec<_>>() {
        let name = format!("m{}", state.waiting.len() + messages.len());
        messages.push(json!({ "MessageId": name, "ReceiptHandle": name, "Body": body }));
        state.in_hand.insert(name, body);
    }
    json!({ "Messages": messages })
}

fn all_well(entries: &[Value]) -> Value {
    let done: Vec<Value> = entries.iter().map(|entry| json!({ "Id": entry["Id"] })).collect();
    json!({ "Successful": done, "Failed": [] })
}
