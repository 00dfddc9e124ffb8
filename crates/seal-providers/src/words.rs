//! A store's own words, made harmless (S6): printable, short, and without any value that we know. Which part of an
//! answer counts as words is the backend's to say.

/// More than this nobody reads, and it could carry something.
const MOST_BYTES: usize = 256;
const MASK: &str = "***";

/// `text` with every one of `known` masked, white space and line ends folded, anything unprintable left out, cut to
/// 256 bytes.
pub(crate) fn harmless<'a>(text: &str, known: impl IntoIterator<Item = &'a [u8]>) -> String {
    // Masked after folding: a value that the store broke into lines is found all the same.
    let mut text = folded(text);
    let mut known: Vec<String> = known
        .into_iter()
        .filter_map(|value| std::str::from_utf8(value).ok())
        .map(folded)
        .filter(|value| !value.is_empty())
        .collect();
    // The longest first: one value may be part of another.
    known.sort_by_key(|value| std::cmp::Reverse(value.len()));
    for value in &known {
        text = text.replace(value.as_str(), MASK);
    }
    for value in &mut known {
        zeroize::Zeroize::zeroize(value);
    }
    cut(text)
}

fn folded(text: &str) -> String {
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.chars().filter(|char| is_printable(*char)).collect())
        .filter(|word: &String| !word.is_empty())
        .collect();
    words.join(" ")
}

/// Beside control characters: what changes direction or has no width, with which a terminal can be made to lie.
fn is_printable(char: char) -> bool {
    !char.is_control()
        && !matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn cut(mut text: String) -> String {
    if text.len() > MOST_BYTES {
        let end = (0..=MOST_BYTES - '…'.len_utf8())
            .rev()
            .find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_on_several_lines_become_one_line() {
        let vault = "1 error occurred:\n\t* permission denied\n\n";
        assert_eq!(harmless(vault, []), "1 error occurred: * permission denied");
    }

    #[test]
    fn known_value_is_masked_wherever_and_however_it_is_broken() {
        let known = [b"hvs.secret".as_slice(), b"line one\nline two"];
        assert_eq!(
            harmless("token hvs.secret of hvs.secret", known),
            "token *** of ***"
        );
        assert_eq!(harmless("got line one   line two.", known), "got ***.");
        assert_eq!(harmless("hvs.\u{200b}secret", known), "***");
    }

    #[test]
    fn longer_value_is_masked_before_its_part() {
        assert_eq!(harmless("abcdef", [b"abc".as_slice(), b"abcdef"]), "***");
    }

    #[test]
    fn mask_comes_before_the_cut() {
        let text = format!("{}secret-secret", "x".repeat(MOST_BYTES - 6));
        let words = harmless(&text, [b"secret-secret".as_slice()]);
        assert!(!words.contains("secr"), "{words}");
    }

    #[test]
    fn words_are_cut_between_characters() {
        let words = harmless(&"é".repeat(300), []);
        assert!(words.len() <= MOST_BYTES && words.ends_with('…'));
    }

    #[test]
    fn nothing_that_moves_a_cursor_is_left() {
        assert_eq!(harmless("a\u{1b}[31mb\u{7f}\u{202e}c\0", []), "a[31mbc");
    }
}
