//! Numbers and foreign text as people can safely read them.

pub(super) use crate::alert::render::safe;

/// Bytes in binary units with three significant digits: `1.21 GiB`.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = count as f64;
    let mut unit = 0;
    // 999.5 would print as a fourth digit.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = match () {
        () if unit == 0 || value >= 99.95 => 0,
        () if value >= 9.995 => 1,
        () => 2,
    };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// A count with thousands separated: `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 object`, `2 objects`.
pub(super) fn plural(number: u64, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count(number))
}

/// Cut to `width` characters with an ellipsis in the middle: the two ends of an id or address
/// tell more than its beginning alone.
pub(super) fn fit(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let head = width.saturating_sub(1) / 2;
    let tail = width.saturating_sub(1) - head;
    let mut out: String = text.chars().take(head).collect();
    out.push('…');
    out.extend(text.chars().skip(length - tail));
    out
}

/// Wraps at spaces to `width` columns, each line after `indent` spaces. A word longer than the
/// width is split.
pub(super) fn wrap(text: &str, width: usize, indent: usize) -> String {
    let room = width.saturating_sub(indent).max(8);
    let mut lines: Vec<String> = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let chars: Vec<char> = word.chars().collect();
        for (piece_at, piece) in chars.chunks(room).enumerate() {
            let gap = usize::from(used > 0 && piece_at == 0);
            if used > 0 && (piece_at > 0 || used + gap + piece.len() > room) {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                if used > 0 {
                    line.push(' ');
                    used += 1;
                }
                line.extend(piece);
                used += piece.len();
            }
        }
    }
    let pad = " ".repeat(indent);
    lines.iter().map(|line| format!("{pad}{line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_keep_three_digits() {
        let got: Vec<_> =
            [0, 999, 1000, 1024, 1_048_576, 10 << 20, 1_300_000_000, u64::MAX].map(bytes).into();
        assert_eq!(
            got,
            ["0 B", "999 B", "0.98 KiB", "1.00 KiB", "1.00 MiB", "10.0 MiB", "1.21 GiB", "16384 PiB"]
        );
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([plural(1, "ENI"), plural(2, "ENI")], ["1 ENI", "2 ENIs"]);
    }

    #[test]
    fn fitting_keeps_both_ends() {
        assert_eq!(fit("eni-0123456789", 7), "eni…789");
        assert_eq!(fit("short", 7), "short");
    }

    #[test]
    fn wrapping_never_exceeds_the_width() {
        let text = format!("some words and {} then more", "x".repeat(50));
        let wrapped = wrap(&text, 30, 4);
        assert!(wrapped.lines().all(|line| line.chars().count() <= 30 && line.starts_with("    ")));
        assert_eq!(wrapped.replace(['\n', ' '], ""), text.replace(' ', ""));
        assert_eq!(wrap("a b", 80, 2), "  a b");
    }
}
