//! `urlParse` and `urlJoin`: net/url's view of a URL, its escaping rules part by part.
//! Opens no connection.

use std::net::Ipv6Addr;

use zeroize::Zeroizing;

use crate::function::{Arguments, Call, CallFault};
use crate::sprig::Outcome;
use crate::sprig::defaults::NIL_POINTER;
use crate::value::{Map, Text, Value};

type Bytes = Zeroizing<Vec<u8>>;

/// Upstream's message quotes the URL, which may hold a password.
const UNPARSABLE: CallFault = CallFault::Refused("unable to parse url");

pub(super) fn url_parse(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let text = arguments.text(0)?;
    call.spend(text.len() as u64)?;
    let url = Url::parse(text).ok_or(UNPARSABLE)?;
    let entry = |key: &str, bytes: &[u8]| (Text::from(key), Value::text(bytes));
    let userinfo = url.user.as_ref().map(User::escaped).unwrap_or_default();
    Ok(Map::new([
        entry("scheme", &url.scheme),
        entry("host", &url.host),
        entry("hostname", hostname(&url.host)),
        entry("path", &url.path),
        entry("query", &url.query),
        entry("opaque", &url.opaque),
        entry("fragment", &url.fragment),
        entry("userinfo", &userinfo),
    ])
    .into())
}

pub(super) fn url_join(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let part = |key: &str| match arguments.any(0) {
        Value::Map(map) => match map.lookup(key.as_bytes()) {
            None => Ok(Text::new("")),
            Some(Value::Text(text)) => Ok(text),
            Some(Value::Nil) => Err(NIL_POINTER),
            Some(other) => Err(CallFault::RefusedType(
                "unable to parse a key that is no string but",
                other.kind(),
            )),
        },
        _ => Ok(Text::new("")),
    };
    let (scheme, host, path) = (part("scheme")?, part("host")?, part("path")?);
    let (query, opaque, fragment, userinfo) = (
        part("query")?,
        part("opaque")?,
        part("fragment")?,
        part("userinfo")?,
    );
    let user = if userinfo.is_empty() {
        None
    } else {
        let whole = Zeroizing::new([b"proto://", userinfo.as_bytes(), b"@host"].concat());
        Url::parse(&whole)
            .ok_or(CallFault::Refused("unable to parse userinfo in dict"))?
            .user
    };
    let mut buffer = call.buffer();
    if !scheme.is_empty() {
        buffer.extend(&scheme)?;
        buffer.push(b':')?;
    }
    if opaque.is_empty() {
        if (!scheme.is_empty() || !host.is_empty() || user.is_some())
            && (!host.is_empty() || !path.is_empty() || user.is_some())
        {
            buffer.extend("//")?;
            if let Some(user) = &user {
                buffer.extend(user.escaped())?;
                buffer.push(b'@')?;
            }
            buffer.extend(escape(&host, Part::Host))?;
        }
        let path = if path.as_bytes() == b"*" {
            Zeroizing::new(b"*".to_vec())
        } else {
            escape(&path, Part::Path)
        };
        if !path.is_empty() && path[0] != b'/' && !host.is_empty() {
            buffer.push(b'/')?;
        }
        // RFC 3986, section 4.2: `a:b` would read as a scheme.
        if buffer.is_empty()
            && path
                .split(|byte| *byte == b'/')
                .next()
                .is_some_and(|first| first.contains(&b':'))
        {
            buffer.extend("./")?;
        }
        buffer.extend(&*path)?;
    } else {
        buffer.extend(&opaque)?;
    }
    if !query.is_empty() {
        buffer.push(b'?')?;
        buffer.extend(&query)?;
    }
    if !fragment.is_empty() {
        buffer.push(b'#')?;
        buffer.extend(escape(&fragment, Part::Fragment))?;
    }
    Ok(buffer.into_text().into())
}

#[derive(Default)]
struct Url {
    scheme: Vec<u8>,
    opaque: Bytes,
    user: Option<User>,
    host: Bytes,
    path: Bytes,
    query: Bytes,
    fragment: Bytes,
}

struct User {
    name: Bytes,
    password: Option<Bytes>,
}

impl User {
    fn escaped(&self) -> Bytes {
        let mut text = escape(&self.name, Part::User);
        if let Some(password) = &self.password {
            text = Zeroizing::new([&text, &b":"[..], &escape(password, Part::User)].concat());
        }
        text
    }
}

/// Which characters may stand unescaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    User,
    Host,
    Zone,
    Fragment,
}

impl Part {
    fn escapes(self, byte: u8) -> bool {
        match byte {
            _ if byte.is_ascii_alphanumeric() => false,
            b'-' | b'_' | b'.' | b'~' => false,
            _ if matches!(self, Part::Host | Part::Zone) => !b"!$&'()*+,;=:[]<>\"".contains(&byte),
            b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' => match self {
                Part::Path => byte == b'?',
                Part::User => matches!(byte, b'@' | b'/' | b'?' | b':'),
                Part::Host | Part::Zone | Part::Fragment => false,
            },
            b'!' | b'(' | b')' | b'*' => self != Part::Fragment,
            _ => true,
        }
    }
}

fn escape(text: &[u8], part: Part) -> Bytes {
    let mut escaped = Zeroizing::new(Vec::with_capacity(3 * text.len()));
    for byte in text {
        if part.escapes(*byte) {
            let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
            escaped.extend([b'%', digit(byte >> 4), digit(byte & 0x0f)]);
        } else {
            escaped.push(*byte);
        }
    }
    escaped
}

fn unescape(text: &[u8], part: Part) -> Option<Bytes> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            if matches!(part, Part::Host | Part::Zone) && byte.is_ascii() && part.escapes(*byte) {
                return None;
            }
            plain.push(*byte);
            continue;
        }
        let [high, low, after @ ..] = rest else {
            return None;
        };
        let digit = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        let decoded = digit(*high)? << 4 | digit(*low)?;
        let refused = match part {
            // A host may escape only what is not ASCII, a zone only what a host may contain.
            Part::Host => decoded.is_ascii() && decoded != b'%',
            Part::Zone => decoded != b'%' && decoded != b' ' && Part::Host.escapes(decoded),
            Part::Path | Part::User | Part::Fragment => false,
        };
        if refused {
            return None;
        }
        rest = after;
        plain.push(decoded);
    }
    Some(plain)
}

fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == at) {
        Some(position) => (&text[..position], Some(&text[position + 1..])),
        None => (text, None),
    }
}

impl Url {
    fn parse(text: &[u8]) -> Option<Url> {
        let (text, fragment) = cut(text, b'#');
        let mut url = Url {
            fragment: unescape(fragment.unwrap_or_default(), Part::Fragment)?,
            ..Url::default()
        };
        if text.iter().any(u8::is_ascii_control) {
            return None;
        }
        if text == b"*" {
            url.path = Zeroizing::new(text.to_vec());
            return Some(url);
        }
        let (scheme, rest) = scheme_of(text)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (rest, query) = cut(rest, b'?');
        url.query = Zeroizing::new(query.unwrap_or_default().to_vec());
        if !rest.starts_with(b"/") {
            if !scheme.is_empty() {
                url.opaque = Zeroizing::new(rest.to_vec());
                return Some(url);
            }
            if cut(rest, b'/').0.contains(&b':') {
                return None;
            }
        }
        let mut path = rest;
        if let Some(authority) = rest.strip_prefix(b"//")
            && (!scheme.is_empty() || !authority.starts_with(b"/"))
        {
            let end = authority
                .iter()
                .position(|byte| *byte == b'/')
                .unwrap_or(authority.len());
            url.read_authority(&authority[..end])?;
            path = &authority[end..];
        }
        url.path = unescape(path, Part::Path)?;
        Some(url)
    }

    fn read_authority(&mut self, authority: &[u8]) -> Option<()> {
        let Some(at) = authority.iter().rposition(|byte| *byte == b'@') else {
            self.host = self.parse_host(authority)?;
            return Some(());
        };
        self.host = self.parse_host(&authority[at + 1..])?;
        let userinfo = &authority[..at];
        if !userinfo
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte))
        {
            return None;
        }
        let (name, password) = cut(userinfo, b':');
        let password = match password {
            Some(password) => Some(unescape(password, Part::User)?),
            None => None,
        };
        self.user = Some(User {
            name: unescape(name, Part::User)?,
            password,
        });
        Some(())
    }

    fn parse_host(&self, host: &[u8]) -> Option<Bytes> {
        match host.iter().rposition(|byte| *byte == b'[') {
            Some(0) => return parse_bracketed(host),
            Some(_) => return None,
            None => {}
        }
        let strict = matches!(self.scheme.as_slice(), b"http" | b"https");
        let mut colons = host
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b':')
            .map(|(position, _)| position);
        // Elsewhere several hosts with ports may be listed, so only the last colon starts a port.
        let colon = if strict { colons.next() } else { colons.next_back() };
        if !colon.is_none_or(|colon| is_port(&host[colon..])) {
            return None;
        }
        unescape(host, Part::Host)
    }
}

/// `[fe80::1%25eth0]:80`.
fn parse_bracketed(host: &[u8]) -> Option<Bytes> {
    let close = host.iter().rposition(|byte| *byte == b']')?;
    let (inside, port) = (&host[1..close], &host[close + 1..]);
    if !is_port(port) {
        return None;
    }
    let zone = inside
        .windows(3)
        .position(|three| three == b"%25")
        .unwrap_or(inside.len());
    let mut name = unescape(&inside[..zone], Part::Host)?;
    name.extend_from_slice(&unescape(&inside[zone..], Part::Zone)?);
    let (address, zone) = cut(&name, b'%');
    let address: Option<Ipv6Addr> = std::str::from_utf8(address).ok()?.parse().ok();
    if address.is_none() || zone.is_some_and(<[u8]>::is_empty) {
        return None;
    }
    Some(Zeroizing::new([&b"["[..], &name, b"]", port].concat()))
}

fn is_port(text: &[u8]) -> bool {
    text.is_empty() || text[0] == b':' && text[1..].iter().all(u8::is_ascii_digit)
}

fn hostname(host: &[u8]) -> &[u8] {
    let colon = host
        .iter()
        .rposition(|byte| *byte == b':')
        .filter(|colon| is_port(&host[*colon..]));
    let host = &host[..colon.unwrap_or(host.len())];
    host.strip_prefix(b"[")
        .and_then(|inside| inside.strip_suffix(b"]"))
        .unwrap_or(host)
}

/// The scheme, which may be missing, and the rest; `None` for a colon with nothing before it.
fn scheme_of(text: &[u8]) -> Option<(&[u8], &[u8])> {
    for (position, byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if position > 0 => {}
            b':' if position == 0 => return None,
            b':' => return Some((&text[..position], &text[position + 1..])),
            _ => break,
        }
    }
    Some((b"", text))
}
