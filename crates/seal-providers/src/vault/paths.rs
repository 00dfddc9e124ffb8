//! The gate: the only place where a path of a store becomes part of a URL (S12). What comes out of it is judged
//! segment by segment as it will be asked for: nothing relative, nothing empty, nothing that a server could read as
//! something else, nothing below what the asker may read.
//!
//! Which path a key means is external-secrets' table (`buildPath` and `buildMetadataPath` there), quirks included.

use crate::{Asker, StoreError, network::encode};

/// Which version of the key/value engine is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KvVersion {
    /// Without versions. With no mount named, any path of the store is asked for as it is.
    V1,
    /// With versions and metadata.
    #[default]
    V2,
}

/// More than any path that a store takes.
const MOST_BYTES: usize = 2048;

#[derive(Debug)]
pub(super) struct Gate {
    version: KvVersion,
    mount: Option<Vec<String>>,
}

/// Mount and rest.
type Split = (Vec<String>, Vec<String>);

/// A path that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    mount: Vec<String>,
    /// What engines of version 2 have between the mount and the rest.
    infix: Option<&'static str>,
    rest: Vec<String>,
    /// What is listed has a slash at its end.
    is_folder: bool,
}

impl Gate {
    /// For keys below `mount`, or for keys that begin with theirs.
    pub(super) fn new(version: KvVersion, mount: Option<&str>) -> Result<Self, StoreError> {
        let mount = mount
            .map(|mount| mount.trim_matches('/'))
            .filter(|mount| !mount.is_empty());
        let mount = mount
            .map(segments)
            .transpose()
            .map_err(|fault| StoreError::Settings(format!("the store's path {fault}")))?;
        Ok(Self { version, mount })
    }

    pub(super) fn version(&self) -> KvVersion {
        self.version
    }

    /// Where the value of `key` is.
    pub(super) fn data(&self, asker: &Asker, key: &str) -> Result<Place, StoreError> {
        let (mount, rest) = match (self.split(key)?, self.version) {
            (Some(split), _) => split,
            (None, KvVersion::V1) => (Vec::new(), key_segments(key)?),
            // The first segment is the mount.
            (None, KvVersion::V2) => {
                let mut mount = key_segments(key)?;
                let rest = mount.split_off(1);
                (mount, rest)
            }
        };
        if rest.is_empty() {
            return Err(refused("names an engine and nothing in it"));
        }
        self.place(asker, mount, "data", rest, false)
    }

    /// Where the metadata of `key` is: of the same secret that [`Gate::data`] means.
    pub(super) fn metadata(&self, asker: &Asker, key: &str) -> Result<Place, StoreError> {
        if self.version == KvVersion::V1 {
            return Err(StoreError::Unsupported(
                "there is no metadata in version 1 of the key/value engine",
            ));
        }
        let (mount, rest) = self.split(key)?.ok_or(WITHOUT_DATA)?;
        self.place(asker, mount, "metadata", rest, false)
    }

    /// What is listed to find everything below `path`.
    pub(super) fn folder(&self, asker: &Asker, path: Option<&str>) -> Result<Place, StoreError> {
        let path = path.unwrap_or_default().trim_matches('/');
        let (mount, rest) = match (path, &self.mount, self.version) {
            ("", Some(mount), _) => (mount.clone(), Vec::new()),
            ("", None, _) => {
                return Err(StoreError::Unsupported(
                    "a store whose settings name no mount is looked through below a path only",
                ));
            }
            (path, None, KvVersion::V1) => (Vec::new(), key_segments(path)?),
            (path, None, KvVersion::V2) if path.ends_with("/data") => {
                (key_segments(&path[..path.len() - "/data".len()])?, Vec::new())
            }
            (path, _, _) => self.split(path)?.ok_or(WITHOUT_DATA)?,
        };
        self.place(asker, mount, "metadata", rest, true)
    }

    /// Mount and rest, where the settings or the key say which is which.
    fn split(&self, key: &str) -> Result<Option<Split>, StoreError> {
        let Some(mount) = &self.mount else {
            let Some((mount, rest)) = bare(key)
                .split_once("/data/")
                .filter(|_| self.version == KvVersion::V2)
            else {
                return Ok(None);
            };
            return Ok(Some((key_segments(mount)?, key_segments(rest)?)));
        };
        // The mount's name is taken off, so that one named like it inside is out of reach; but not behind a slash.
        let inner = key.strip_prefix(&format!("{}/", mount.join("/")));
        let rest = match inner {
            Some(inner) if self.version == KvVersion::V2 => inner.strip_prefix("data/").unwrap_or(inner),
            Some(inner) => inner,
            None => key,
        };
        Ok(Some((mount.clone(), key_segments(rest)?)))
    }

    fn place(
        &self,
        asker: &Asker,
        mount: Vec<String>,
        infix: &'static str,
        rest: Vec<String>,
        is_folder: bool,
    ) -> Result<Place, StoreError> {
        let place = Place {
            mount,
            infix: (self.version == KvVersion::V2).then_some(infix),
            rest,
            is_folder,
        };
        place.judge()?;
        place.judge_for(asker)?;
        Ok(place)
    }
}

impl Place {
    /// What is asked for, encoded, with a slash before it.
    pub(super) fn target(&self) -> String {
        let mut target = String::from("/v1");
        for segment in self.segments() {
            target.push('/');
            encode(segment, &mut target);
        }
        if self.is_folder {
            target.push('/');
        }
        target
    }

    /// As people write it.
    pub(super) fn shown(&self) -> String {
        let segments: Vec<&str> = self.segments().collect();
        segments.join("/")
    }

    /// The mount, encoded; empty where nobody knows it.
    pub(super) fn mount(&self) -> String {
        let mut target = String::new();
        for segment in &self.mount {
            target.push('/');
            encode(segment, &mut target);
        }
        target
    }

    /// What lies at `name` in this folder: a folder too if it ends with a slash. Judged like everything else.
    pub(super) fn inner(&self, asker: &Asker, name: &str) -> Result<Self, StoreError> {
        let mut inner = self.clone();
        inner.is_folder = name.ends_with('/');
        inner
            .rest
            .extend(key_segments(name.strip_suffix('/').unwrap_or(name))?);
        inner.judge()?;
        inner.judge_for(asker)?;
        Ok(inner)
    }

    /// The same secret's value instead of its metadata.
    pub(super) fn value(&self) -> Self {
        Self {
            infix: self.infix.map(|_| "data"),
            ..self.clone()
        }
    }

    /// The same folder through another part of the engine.
    pub(super) fn through(&self, infix: &'static str) -> Self {
        Self {
            infix: self.infix.map(|_| infix),
            ..self.clone()
        }
    }

    fn segments(&self) -> impl Iterator<Item = &str> {
        let (mount, rest) = (self.mount.iter(), self.rest.iter());
        let mount = mount.map(String::as_str);
        mount.chain(self.infix).chain(rest.map(String::as_str))
    }

    /// The path without what the engine puts in between.
    fn logical(&self) -> Vec<&str> {
        self.mount.iter().chain(&self.rest).map(String::as_str).collect()
    }

    fn judge(&self) -> Result<(), StoreError> {
        let segments: Vec<&str> = self.segments().collect();
        // Judged where they are cut already; once more here, since this is what is sent.
        for segment in &segments {
            judge(segment).map_err(refused)?;
        }
        if segments.iter().map(|segment| segment.len() + 1).sum::<usize>() > MOST_BYTES {
            return Err(refused("is longer than any path"));
        }
        // No engine for secrets is there. And whoever asks for the token's own record is told our token, behind a
        // namespace too.
        let is_system = matches!(segments.first(), Some(&"sys" | &"auth"));
        if is_system || segments.ends_with(&["auth", "token", "lookup-self"]) {
            return Err(refused("leads to the store's own affairs, where no secrets are"));
        }
        Ok(())
    }

    fn judge_for(&self, asker: &Asker) -> Result<(), StoreError> {
        let path = self.logical();
        let allowed = match self.is_folder {
            true => asker.allowed.may_lead_from(&asker.namespace, &path),
            false => asker.allowed.permits(&asker.namespace, &path),
        };
        if allowed {
            return Ok(());
        }
        Err(StoreError::NotAllowed {
            path: path.join("/"),
            namespace: asker.namespace.clone(),
        })
    }
}

const WITHOUT_DATA: StoreError =
    refused("does not say where the mount ends: the store names none, and there is no /data/ in it");

const fn refused(fault: &'static str) -> StoreError {
    StoreError::Key { fault }
}

/// Upstream sends `//`, and the server leads on to the same path without it.
fn bare(key: &str) -> &str {
    key.trim_start_matches('/')
}

fn key_segments(key: &str) -> Result<Vec<String>, StoreError> {
    segments(bare(key)).map_err(refused)
}

/// The segments of a path from the settings or from a login, judged.
pub(super) fn segments(path: &str) -> Result<Vec<String>, &'static str> {
    let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
    segments.iter().try_for_each(|segment| judge(segment))?;
    Ok(segments)
}

/// Whether a segment is one and the same to everybody who reads the URL.
fn judge(segment: &str) -> Result<(), &'static str> {
    match segment {
        "" => Err("has an empty segment"),
        "." | ".." => Err("has a relative segment"),
        _ if segment.contains('%') => Err("has a % in it"),
        _ if segment.contains(['\\', '/']) => Err("has a backslash in it"),
        _ if segment.chars().any(char::is_control) => Err("has a control character in it"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
