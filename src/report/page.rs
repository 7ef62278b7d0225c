//! The model as one HTML file that loads nothing.
//!
//! The policy in the page names its own script and style by hash, so that nothing else runs even
//! if markup should get in, and forbids every request. Trusted types forbid the page's own script
//! to make markup of text at all. The data are a JSON block, in which `<`, `>` and `&` are
//! escaped: no text can end the block.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::model::Model;

const PAGE: &str = include_str!("assets/page.html");
const STYLES: [&str; 2] = [include_str!("assets/uPlot.min.css"), include_str!("assets/report.css")];
/// Third-party script first, with its licence.
const UPLOT_LICENCE: &str = include_str!("assets/uPlot.LICENSE");
const UPLOT: &str = include_str!("assets/uPlot.iife.min.js");
const SCRIPTS: [&str; 6] = [
    include_str!("assets/words.js"),
    include_str!("assets/charts.js"),
    include_str!("assets/list.js"),
    include_str!("assets/incident.js"),
    include_str!("assets/overview.js"),
    include_str!("assets/main.js"),
];

/// The whole file.
pub fn html(model: &Model) -> String {
    let style = STYLES.join("\n");
    let script = script();
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash(&script),
        hash(&style)
    );
    // One pass over the template: what was put in is never looked at again.
    let mut page = String::with_capacity(PAGE.len() + style.len() + script.len());
    for piece in PAGE.split("{{") {
        let Some((name, rest)) = piece.split_once("}}") else {
            page.push_str(piece);
            continue;
        };
        match name {
            "policy" => page.push_str(&policy),
            "style" => page.push_str(&style),
            "data" => page.push_str(&data(model)),
            "script" => page.push_str(&script),
            _ => {}
        }
        page.push_str(rest);
    }
    page
}

/// One script: the chart library, and the page's own in a scope of its own.
fn script() -> String {
    format!(
        "/*\nuPlot:\n{UPLOT_LICENCE}\n*/\n{UPLOT}\n(() => {{\n\"use strict\";\n{}}})();\n",
        SCRIPTS.join("\n")
    )
}

/// The source of a policy that allows exactly this text.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// The model as JSON that cannot end the block it stands in.
fn data(model: &Model) -> String {
    let json = serde_json::to_string(model).expect("a model has only text keys and finite numbers");
    escaped(&json)
}

/// In JSON these characters occur in strings only, where an escape means the same.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_block() {
        let hostile = "</script><!--<script>\u{2028}&amp;";
        let json = escaped(&serde_json::to_string(hostile).unwrap());
        assert!(!json.contains(['<', '>', '&', '\u{2028}']), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
    }

    #[test]
    fn scripts_and_styles_do_not_end_their_own_blocks() {
        let script = script();
        for end in ["</script", "<!--", "{{"] {
            assert!(!script.to_lowercase().contains(end), "{end}");
        }
        assert!(!STYLES.join("").to_lowercase().contains("</style"));
        assert!(script.contains("Permission is hereby granted, free of charge"), "the licence travels along");
    }

    #[test]
    fn no_part_of_the_page_makes_markup_of_text() {
        for bad in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("] {
            assert!(!script().contains(bad), "{bad}");
        }
        for bad in ["http-equiv=\"refresh\"", "src=", "href=\"http", "url("] {
            assert!(!PAGE.contains(bad) && !STYLES.join("").contains(bad), "{bad}");
        }
    }
}
