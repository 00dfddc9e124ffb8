//! What must be on the machine before peers are built or tests run: checked by trying, and refused with a remedy.
//! It installs nothing.

use std::process::{Command, Stdio};

/// Something that the machine must bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prerequisite {
    /// Linux, for throwaway control planes.
    Linux,
    /// Go, which builds most peers.
    Go,
    /// Python's pip, which fetches wheels.
    Pip,
    /// git.
    Git,
    /// A program of the distribution.
    Program {
        /// What is run.
        name: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// Network and mount namespaces of our own: root, or user namespaces.
    Namespaces,
    /// A nightly Rust toolchain, which fuzzing needs.
    NightlyRust,
}

/// The oldest Go that builds every peer.
const GO: (u32, u32) = (1, 26);

impl Prerequisite {
    /// Tries it.
    ///
    /// # Errors
    /// What is missing and how to get it, as one sentence.
    pub fn check(self) -> Result<(), String> {
        match self {
            Self::Linux if cfg!(target_os = "linux") => Ok(()),
            Self::Linux => Err("control planes need Linux; run these tests in a virtual machine".to_owned()),
            Self::Go => match answer("go", &["version"]) {
                Some(text) if go_version(&text).is_some_and(|version| version >= GO) => Ok(()),
                Some(text) => Err(format!(
                    "{} is too old; install Go {}.{} or newer",
                    text.trim(),
                    GO.0,
                    GO.1
                )),
                None => Err(format!(
                    "there is no go on PATH; install Go {}.{} or newer",
                    GO.0, GO.1
                )),
            },
            Self::Pip => match answer("python3", &["-m", "pip", "--version"]) {
                Some(_) => Ok(()),
                None => Err(
                    "there is no python3 with pip; `apt-get install python3-pip`, or your system's like"
                        .to_owned(),
                ),
            },
            Self::Git => Self::Program {
                name: "git",
                package: "git",
            }
            .check(),
            Self::Program { name, package } => match on_path(name) {
                true => Ok(()),
                false => Err(format!(
                    "there is no {name} on PATH; `apt-get install {package}`, or your system's like"
                )),
            },
            Self::Namespaces => {
                let own: &[&[&str]] = &[
                    &["--net", "--mount", "true"],
                    &["--user", "--map-root-user", "--net", "--mount", "true"],
                ];
                match own.iter().any(|arguments| answer("unshare", arguments).is_some()) {
                    true => Ok(()),
                    false => Err("neither root nor user namespaces; run as root, or allow them with \
                                  `sysctl kernel.unprivileged_userns_clone=1` and, where AppArmor stands in the way, \
                                  `sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
                        .to_owned()),
                }
            }
            Self::NightlyRust => match answer("rustup", &["run", "nightly", "rustc", "--version"]) {
                Some(_) => Ok(()),
                None => {
                    Err("fuzzing needs a nightly toolchain; `rustup toolchain install nightly`".to_owned())
                }
            },
        }
    }
}

fn on_path(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
}

fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The release in "go version go1.26.8 linux/amd64"; development versions carry more after the minor number.
fn go_version(text: &str) -> Option<(u32, u32)> {
    let word = text
        .split_whitespace()
        .find_map(|word| word.strip_prefix("go1."))?;
    let minor: String = word.chars().take_while(char::is_ascii_digit).collect();
    Some((1, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_versions_are_read() {
        assert_eq!(go_version("go version go1.26.8 linux/amd64"), Some((1, 26)));
        assert_eq!(go_version("go version go1.27rc1 linux/arm64"), Some((1, 27)));
        assert_eq!(go_version("go version devel linux/amd64"), None);
    }

    #[test]
    fn missing_program_names_its_package() {
        let missing = Prerequisite::Program {
            name: "no-such-program",
            package: "its-package",
        };
        assert!(missing.check().unwrap_err().contains("its-package"));
    }
}
