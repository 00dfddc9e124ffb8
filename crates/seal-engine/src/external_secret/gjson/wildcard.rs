//! Patterns in keys and queries: `*` is anything, `?` one character, `\` takes the next as it is.

use zeroize::Zeroizing;

/// Whether `text` is as `pattern` says, in time that depends on their product at most.
pub(super) fn matches(text: &str, pattern: &str) -> bool {
    let text: Zeroizing<Vec<char>> = Zeroizing::new(text.chars().collect());
    let Some(pattern) = parse(pattern) else {
        return false;
    };
    let (mut at, mut token) = (0, 0);
    // Where to go on after the last star should what follows it not fit.
    let mut star = None;
    while at < text.len() {
        match pattern.get(token) {
            Some(Token::Anything) => {
                star = Some((at, token));
                token += 1;
            }
            Some(Token::One) => (at, token) = (at + 1, token + 1),
            Some(Token::Literal(letter)) if *letter == text[at] => (at, token) = (at + 1, token + 1),
            _ => {
                let Some((from, behind)) = star else {
                    return false;
                };
                star = Some((from + 1, behind));
                (at, token) = (from + 1, behind + 1);
            }
        }
    }
    pattern[token..]
        .iter()
        .all(|token| matches!(token, Token::Anything))
}

enum Token {
    Anything,
    One,
    Literal(char),
}

// `None` where a backslash ends it.
fn parse(pattern: &str) -> Option<Vec<Token>> {
    let mut letters = pattern.chars();
    let mut tokens = Vec::new();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '*' => Token::Anything,
            '?' => Token::One,
            '\\' => Token::Literal(letters.next()?),
            other => Token::Literal(other),
        });
    }
    Some(tokens)
}
