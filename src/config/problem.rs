//! Mistakes in a configuration file, told all at once and with their place.

use std::fmt;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// 1-based line.
    pub line: usize,
    /// What is wrong, and what was probably meant.
    pub text: String,
}

/// All mistakes of one file, in the order of their lines. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The file's name.
    pub file: String,
    /// The mistakes.
    pub list: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.list.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:{}: {}", self.file, problem.line, problem.text)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The nearest of `known` to `word`, when it is near enough to be a slip: Jaro-Winkler
/// similarity of at least 0.75, which holds for a dropped, doubled or swapped letter in names of
/// four letters or more.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|&name| (strsim::jaro_winkler(word, name), name))
        .filter(|(similarity, _)| *similarity >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word_and_strangers_do_not() {
        let known = ["internal", "resolvers", "prefix"];
        assert_eq!(nearest("internals", &known), Some("internal"));
        assert_eq!(nearest("resolver", &known), Some("resolvers"));
        assert_eq!(nearest("zzz", &known), None);
    }
}
