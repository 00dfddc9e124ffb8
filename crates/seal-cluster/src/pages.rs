//! Lists of the API server, page by page: fewer objects a page where those are too large for one answer, and no
//! list without an end.

use crate::call::CallError;

// How many objects are asked for at once.
const SIZES: [usize; 3] = [100, 10, 1];
// A page may be empty where a selector leaves out what stands on it; so many in a row are an answer to nothing.
const MOST_EMPTY: usize = 1_000;

/// All objects of the list at `path`, which may have a query already. `ask` fetches a page, `read` takes what is
/// on it and says where the next one begins.
///
/// # Errors
/// Those of `ask` and `read`; [`CallError::Unexpected`] for a list that goes on without anything on it.
pub(crate) async fn all<A, T, F>(
    path: &str,
    ask: impl Fn(String) -> F,
    read: impl Fn(A) -> Result<(Vec<T>, Option<String>), CallError>,
) -> Result<Vec<T>, CallError>
where
    F: Future<Output = Result<A, CallError>>,
{
    let first = if path.contains('?') { '&' } else { '?' };
    let mut sizes = SIZES.into_iter().peekable();
    let (mut all, mut rest, mut empty) = (Vec::new(), String::new(), 0);
    loop {
        let limit = sizes.peek().copied().unwrap_or(1);
        let answer = match ask(format!("{path}{first}limit={limit}{rest}")).await {
            Err(CallError::TooLarge) if limit > 1 => {
                sizes.next();
                continue;
            }
            answer => answer?,
        };
        let (page, next) = read(answer)?;
        empty = if page.is_empty() { empty + 1 } else { 0 };
        all.extend(page);
        match next.filter(|token| !token.is_empty()) {
            Some(_) if empty > MOST_EMPTY => return Err(CallError::Unexpected),
            Some(token) => rest = format!("&continue={}", encoded(&token)),
            None => return Ok(all),
        }
    }
}

// For a query: all but unreserved characters (RFC 3986, 2.3) as percent and two digits.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    // What is asked, of a list of `count` objects of which `fit` fit into one answer.
    async fn asked(count: usize, fit: usize) -> (Result<usize, CallError>, Vec<String>) {
        let asked = Mutex::new(Vec::new());
        let ask = |path: String| {
            let number = |key: &str| {
                let value = path.split(['?', '&']).find_map(|part| part.strip_prefix(key));
                value.map_or(0, |value| value.parse::<usize>().unwrap())
            };
            let (limit, begin) = (number("limit="), number("continue="));
            asked.lock().unwrap().push(path);
            std::future::ready(match limit.min(count - begin) {
                page if page > fit => Err(CallError::TooLarge),
                page => Ok((begin, begin + page)),
            })
        };
        let read = |(begin, end): (usize, usize)| {
            let next = (end < count).then(|| end.to_string());
            Ok(((begin..end).collect::<Vec<_>>(), next))
        };
        let all = all("/list?labelSelector=a", ask, read).await;
        if let Ok(all) = &all {
            assert!(all.iter().copied().eq(0..count), "each once, in order");
        }
        (all.map(|all| all.len()), asked.into_inner().unwrap())
    }

    #[tokio::test]
    async fn a_page_that_is_too_large_is_asked_for_in_smaller_ones() {
        let (all, paths) = asked(250, 100).await;
        assert_eq!((all.unwrap(), paths.len()), (250, 3));
        assert_eq!(paths[1], "/list?labelSelector=a&limit=100&continue=100");
        let (all, paths) = asked(25, 10).await;
        assert_eq!((all.unwrap(), paths.len()), (25, 4));
        let (all, paths) = asked(3, 1).await;
        assert_eq!((all.unwrap(), paths.len()), (3, 5));
        let (all, paths) = asked(3, 0).await;
        assert!(matches!(all, Err(CallError::TooLarge)));
        assert_eq!(paths.len(), 3);
    }

    #[tokio::test]
    async fn empty_pages_are_passed_over_and_do_not_go_on_for_ever() {
        for (empty, ends_well) in [(1, true), (MOST_EMPTY, true), (usize::MAX, false)] {
            let asked = Mutex::new(0);
            let ask = |_: String| {
                let mut asked = asked.lock().unwrap();
                *asked += 1;
                std::future::ready(Ok(*asked))
            };
            let read = |page: usize| match page > empty {
                true => Ok((vec![page], None)),
                false => Ok((Vec::new(), Some("on".to_owned()))),
            };
            let all = all("/list", ask, read).await;
            assert_eq!(all.is_ok(), ends_well, "{empty}");
            assert_eq!(
                *asked.lock().unwrap(),
                empty.saturating_add(1).min(MOST_EMPTY + 1),
                "{empty}"
            );
        }
    }

    #[tokio::test]
    async fn the_api_servers_word_for_the_rest_goes_back_to_it_as_it_came() {
        let asked = Mutex::new(Vec::new());
        let ask = |path: String| {
            let word = (!path.contains("continue")).then(|| "a+b/c=&limit=1".to_owned());
            asked.lock().unwrap().push(path);
            std::future::ready(Ok(word))
        };
        let none = all("/list", ask, |word| Ok((Vec::<()>::new(), word))).await;
        assert!(none.unwrap().is_empty());
        assert_eq!(
            *asked.lock().unwrap(),
            [
                "/list?limit=100",
                "/list?limit=100&continue=a%2Bb%2Fc%3D%26limit%3D1"
            ]
        );
    }

    #[test]
    fn selectors_travel_whole() {
        assert_eq!(encoded("a.b/c in (x,y)"), "a.b%2Fc%20in%20%28x%2Cy%29");
    }
}
