//! The binaries of integration tests, and which tests are in each.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::{cargo, output};

/// A built test binary.
pub(crate) struct Binary {
    /// Its name, which is its source file's.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The directory of its package, which cargo would run it in.
    pub(crate) directory: PathBuf,
}

impl Binary {
    /// The names of its tests that it would run with these arguments.
    ///
    /// # Errors
    ///
    /// If it cannot be run.
    pub(crate) fn tests(&self, arguments: &[String]) -> Result<Vec<String>> {
        let listed = output(Command::new(&self.path).arg("--list").args(arguments))?;
        let names = listed
            .lines()
            .filter_map(|line| line.strip_suffix(": test"));
        Ok(names.map(str::to_owned).collect())
    }
}

/// The integration tests of `package`, built as `cargo test` would have them.
///
/// # Errors
///
/// If they do not build.
pub(crate) fn of(package: &str) -> Result<Vec<Binary>> {
    let output = cargo("test")
        .args(["--workspace", "--no-run", "--message-format=json"])
        .stderr(Stdio::inherit())
        .output()
        .context("run cargo test --no-run")?;
    ensure!(output.status.success(), "the tests do not build");
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    Ok(messages
        .filter_map(|message| binary(&message, package))
        .collect())
}

fn binary(message: &Value, package: &str) -> Option<Binary> {
    let target = &message["target"];
    let is_ours = message["package_id"].as_str()?.contains(package);
    let is_test = target["kind"].as_array()?.iter().any(|kind| kind == "test");
    if !is_ours || !is_test {
        return None;
    }
    let manifest = PathBuf::from(message["manifest_path"].as_str()?);
    Some(Binary {
        name: target["name"].as_str()?.to_owned(),
        path: message["executable"].as_str()?.into(),
        directory: manifest.parent()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integration_test_of_the_package_is_known_by_cargos_message() {
        let message = |package: &str, kind: &str| {
            let text = format!(
                r#"{{"reason":"compiler-artifact","package_id":"path+file:///w/{package}#0.1.0",
                "manifest_path":"/w/tests/Cargo.toml","executable":"/t/deps/forward-1",
                "target":{{"kind":["{kind}"],"name":"forward"}}}}"#
            );
            binary(&serde_json::from_str(&text).unwrap(), "routemesh-tests")
        };
        let found = message("tests#routemesh-tests@", "test").unwrap();
        assert_eq!(found.name, "forward");
        assert_eq!(found.directory, PathBuf::from("/w/tests"));
        assert!(message("tests#routemesh-tests@", "lib").is_none());
        assert!(message("routemesh", "test").is_none());
    }
}
