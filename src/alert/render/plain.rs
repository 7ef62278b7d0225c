//! Foreign text that a person can safely be shown.

use std::fmt::Write as _;

/// Whether `c` hides or reorders text, or is none that XML and SNS can carry.
pub(super) fn hides(c: char) -> bool {
    matches!(
        u32::from(c),
        0xAD | 0x61C | 0x180E | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFEFF
            | 0xFFF0..=0xFFFB | 0xFFFE | 0xFFFF | 0xE0000..=0xE007F
    )
}

/// Makes text that came from a log safe for a terminal or an email: control characters (which
/// could move the cursor or recolour) and characters that hide or reorder text are shown as
/// escapes.
pub(crate) fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || hides(c) {
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// `text`, or as much of it as makes `chars_max` characters with an ellipsis.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().nth(chars_max).is_none() {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_cannot_drive_the_terminal() {
        assert_eq!(safe("a\x1b[31mb\r\n\u{202e}c\u{9b}"), "a\\u{1b}[31mb\\u{d}\\u{a}\\u{202e}c\\u{9b}");
        assert_eq!(safe("größer → 7"), "größer → 7");
        assert_eq!(safe("\u{ffff}"), "\\u{ffff}");
    }

    #[test]
    fn cutting_counts_characters() {
        assert_eq!(cut("größer", 6), "größer");
        assert_eq!(cut("größer", 4), "grö…");
    }
}
