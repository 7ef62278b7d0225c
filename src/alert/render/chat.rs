//! An alert as a custom notification for chat: Amazon Q Developer in chat applications, once AWS
//! Chatbot, shows it in Slack, Microsoft Teams and Amazon Chime.
//!
//! Source: its Administrator Guide, "Custom notifications": version 1.0, source `custom`, text in the
//! client's markdown. Revisions of an alert go to one thread. The bounds are ours: a channel is glanced at.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::plain::{cut, safe};
use super::{email, fit, sns};
use crate::alert::Alert;

/// Characters of a title.
const TITLE_CHARS_MAX: usize = 120;
/// Characters of one line of a description.
const LINE_CHARS_MAX: usize = 300;
/// Characters of keywords and values beside the text.
const WORD_CHARS_MAX: usize = 75;

/// The notification about one alert, one line of JSON.
pub(super) fn alert(alert: &Alert) -> String {
    let lines = [
        ("What", email::what(alert)),
        ("When", format!("{} to {}", alert.first_seen, alert.last_seen)),
        ("From", email::from(alert)),
        ("To", alert.destination.clone()),
        ("Score", email::score(alert)),
        ("GuardDuty", alert.guardduty.status.replace('_', " ")),
        ("Coverage", email::coverage(alert)),
    ];
    let mut description = text(&alert.sentence, LINE_CHARS_MAX);
    for (name, value) in &lines {
        let _ = write!(description, "\n*{name}*: {}", text(value, LINE_CHARS_MAX));
    }
    let detector = alert.detectors.first().map_or("", |strongest| strongest.id.as_str());
    notification(&Parts {
        id: format!("{}-{}", text(&alert.id, WORD_CHARS_MAX), alert.revision),
        thread: text(&alert.id, WORD_CHARS_MAX),
        title: text(&sns::subject(alert), TITLE_CHARS_MAX),
        description,
        next_steps: vec![format!("`outflow explain {} --lake LAKE`", text(&alert.id, WORD_CHARS_MAX))],
        keywords: words(&[alert.severity.as_str(), &alert.account, &alert.region, detector]),
        context: json!({
            "severity": alert.severity.as_str(),
            "account": text(&alert.account, WORD_CHARS_MAX),
            "region": text(&alert.region, WORD_CHARS_MAX),
            "eni": text(&alert.eni, WORD_CHARS_MAX),
            "alert": text(&alert.id, WORD_CHARS_MAX),
        }),
    })
}

/// The notification about several: a line each.
pub(super) fn digest(id: &str, title: &str, alerts: &[&Alert]) -> String {
    let lines: Vec<String> =
        alerts.iter().map(|alert| format!("- {}", text(&email::short(alert), LINE_CHARS_MAX))).collect();
    notification(&Parts {
        id: id.to_owned(),
        thread: id.to_owned(),
        title: text(title, TITLE_CHARS_MAX),
        description: lines.join("\n"),
        next_steps: vec!["`outflow explain ID --lake LAKE`".to_owned()],
        keywords: Vec::new(),
        context: json!({ "alerts": alerts.len().to_string() }),
    })
}

/// What notifications differ in.
struct Parts {
    id: String,
    /// What belongs to one thread.
    thread: String,
    title: String,
    description: String,
    next_steps: Vec<String>,
    keywords: Vec<String>,
    /// Texts that custom actions can use.
    context: Value,
}

fn notification(parts: &Parts) -> String {
    let notification = json!({
        "version": "1.0",
        "source": "custom",
        "id": parts.id,
        "content": {
            "textType": "client-markdown",
            "title": parts.title,
            "description": parts.description,
            "nextSteps": parts.next_steps,
            "keywords": parts.keywords,
        },
        "metadata": {
            "threadId": parts.thread,
            "summary": parts.title,
            "eventType": "outflow-alert",
            "additionalContext": parts.context,
            "enableCustomActions": true,
        },
    });
    fit::escaped(&notification.to_string())
}

fn words(all: &[&str]) -> Vec<String> {
    all.iter().filter(|word| !word.is_empty()).map(|word| text(word, WORD_CHARS_MAX)).collect()
}

/// Foreign text that marks nothing up: no mention, no link, no quotation. Slack and Teams read `&lt;`,
/// and neither knows an escape for the others.
fn text(foreign: &str, chars_max: usize) -> String {
    let mut out = String::new();
    for c in cut(&safe(foreign), chars_max).replace("://", ": //").chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '[' => out.push('('),
            ']' => out.push(')'),
            '`' => out.push('\''),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::{alert as example, hostile};
    use super::*;

    #[test]
    fn a_person_in_a_channel_sees_what_happened() {
        let notification: Value = serde_json::from_str(&alert(&example())).unwrap();
        assert_eq!((&notification["version"], &notification["source"]), (&json!("1.0"), &json!("custom")));
        insta::assert_snapshot!(serde_json::to_string_pretty(&notification).unwrap());
    }

    #[test]
    fn revisions_share_a_thread_and_not_an_id() {
        let (one, mut two) = (example(), example());
        two.revision = 2;
        let [one, two] = [one, two].map(|a| serde_json::from_str::<Value>(&alert(&a)).unwrap());
        assert_eq!(one["metadata"]["threadId"], two["metadata"]["threadId"]);
        assert_ne!(one["id"], two["id"]);
    }

    #[test]
    fn a_log_mentions_nobody_and_links_nowhere() {
        let foreign = "<!channel> <@U1> [x](https://example.com) `a` & \u{202e}";
        let shown = alert(&hostile(foreign, 3));
        for bad in ["<!", "<@", "](", "://", "\u{202e}"] {
            assert!(!shown.contains(bad), "{bad}: {shown}");
        }
        assert!(alert(&hostile(&foreign.repeat(100), 70)).len() < 32_000);
    }
}
