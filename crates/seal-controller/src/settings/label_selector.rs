//! Whether a label selector is one that the API server will take: it would refuse another only when
//! the first watch begins, and again at every attempt.
//!
//! What matches is the API server's to say.

const LONGEST_NAME: usize = 63;
const LONGEST_PREFIX: usize = 253;

/// The text without white space around it.
pub(super) fn label_selector(text: &str) -> Result<String, String> {
    let bad = |part: &str| {
        format!(
            "\"{}\" is no requirement such as a=b, a!=b, a in (b,c), a, !a",
            part.trim()
        )
    };
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    match requirements(text).into_iter().find(|part| !is_requirement(part)) {
        Some(part) => Err(bad(part)),
        None => Ok(text.to_owned()),
    }
}

// Split at commas, but not at those between parentheses.
fn requirements(text: &str) -> Vec<&str> {
    let mut inside = false;
    text.split(move |letter| {
        inside = match letter {
            '(' => true,
            ')' => false,
            _ => inside,
        };
        letter == ',' && !inside
    })
    .collect()
}

fn is_requirement(text: &str) -> bool {
    let text = text.trim();
    if let Some(key) = text.strip_prefix('!') {
        return is_key(key.trim_start());
    }
    for sign in ["!=", "==", "="] {
        if let Some((key, value)) = text.split_once(sign) {
            return is_key(key.trim_end()) && is_value(value.trim_start());
        }
    }
    for sign in ['<', '>'] {
        if let Some((key, value)) = text.split_once(sign) {
            return is_key(key.trim_end()) && value.trim_start().parse::<i64>().is_ok();
        }
    }
    let Some((key, rest)) = text.split_once(char::is_whitespace) else {
        return is_key(text);
    };
    let rest = rest.trim_start();
    let list = rest.strip_prefix("notin").or_else(|| rest.strip_prefix("in"));
    let list = list.and_then(|list| list.trim_start().strip_prefix('(')?.strip_suffix(')'));
    is_key(key) && list.is_some_and(|list| list.split(',').map(str::trim).all(is_value))
}

fn is_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').unwrap_or(("a", text));
    let label = |label: &str| {
        let ends =
            |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        ends(label.bytes().next()) && ends(label.bytes().last()) && label.bytes().all(inside)
    };
    prefix.len() <= LONGEST_PREFIX && prefix.split('.').all(label) && !name.is_empty() && is_value(name)
}

fn is_value(text: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.len() <= LONGEST_NAME
        && ends(text.bytes().next())
        && ends(text.bytes().last())
        && text.bytes().all(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_api_server_takes_is_taken() {
        for good in [
            "",
            " ",
            "a",
            "!a",
            "! a",
            "a=b",
            "a==b",
            "a = b , c != d",
            "a=",
            "app.kubernetes.io/name=x_y.Z",
            "a in (b)",
            "a in (b, c),d notin (e,f)",
            "a in (b,)",
            "a > 1,b<2",
        ] {
            assert_eq!(label_selector(good).as_deref(), Ok(good.trim()), "{good}");
        }
    }

    #[test]
    fn what_it_refuses_is_refused_and_the_part_is_named() {
        for (bad, part) in [
            ("a=b=c", "a=b=c"),
            ("a=b,,c", ""),
            ("a=b, -c", "-c"),
            ("a,b in c", "b in c"),
            ("a in (b", "a in (b"),
            ("a in b)", "a in b)"),
            ("a within (b)", "a within (b)"),
            ("A/b/c=d", "A/b/c=d"),
            ("a.B/c", "a.B/c"),
            ("a/=b", "a/=b"),
            ("=b", "=b"),
            ("a=ü", "a=ü"),
            ("a>b", "a>b"),
        ] {
            let error = label_selector(bad).unwrap_err();
            assert!(
                error.starts_with(&format!("\"{part}\" is no requirement")),
                "{bad}: {error}"
            );
        }
        assert!(label_selector(&"a".repeat(64)).is_err());
    }
}
