//! Builds the function binaries with the profile and into the folder of the running program itself.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

/// The workspace that this program was built from. The local stack is a tool of a checkout, not an installed program.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Where and how this program was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Cargo's target folder.
    target: PathBuf,
    /// Cargo's name of the profile.
    profile: String,
    /// The folder of the binaries.
    pub binaries: PathBuf,
}

impl Build {
    /// From the place of the running program: `TARGET/PROFILE/tidings`, or `TARGET/PROFILE/deps/...` for a test.
    ///
    /// # Errors
    /// When the program is not where cargo puts one.
    pub fn of_this_program() -> Result<Self> {
        let program = std::env::current_exe().context("cannot tell where this program is")?;
        Self::of(&program)
    }

    fn of(program: &Path) -> Result<Self> {
        let mut binaries = program.parent().context("this program has no folder")?;
        if binaries.file_name().is_some_and(|name| name == "deps" || name == "examples") {
            binaries = binaries.parent().context("this program has no target folder")?;
        }
        let folder = binaries.file_name().and_then(|name| name.to_str());
        let profile = match folder.context("this program is in no profile's folder")? {
            "debug" => "dev",
            other => other,
        };
        let target = binaries.parent().context("this program has no target folder")?;
        Ok(Self {
            target: target.to_path_buf(),
            profile: profile.to_owned(),
            binaries: binaries.to_path_buf(),
        })
    }

    /// Builds functions, whose binaries have the names of their packages; cargo shows its progress on standard error.
    ///
    /// # Errors
    /// When cargo cannot be run, or a package does not build.
    pub async fn run(&self, packages: &[String]) -> Result<()> {
        self.build(packages).await.context("the functions do not build")?;
        self.check(packages)
    }

    /// Builds packages into the folder of the running program, as it was built itself.
    ///
    /// # Errors
    /// When cargo cannot be run, or a package does not build.
    pub async fn build(&self, packages: &[String]) -> Result<()> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.arg("build").args(["--profile", &self.profile]).arg("--target-dir").arg(&self.target);
        for package in packages {
            command.args(["--package", package]);
        }
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(is_about_the_caller) {
                command.env_remove(name);
            }
        }
        let status =
            command.current_dir(workspace()).stdin(Stdio::null()).stdout(Stdio::null()).status().await;
        let status = status.context("cannot run cargo")?;
        ensure!(status.success(), "cargo ended with {status}; its messages are above");
        Ok(())
    }

    /// Whether all binaries are there.
    ///
    /// # Errors
    /// Which ones are not.
    pub fn check(&self, packages: &[String]) -> Result<()> {
        let missing: Vec<&str> =
            packages.iter().map(String::as_str).filter(|name| !self.binaries.join(name).is_file()).collect();
        if !missing.is_empty() {
            bail!("{} holds no {}; start without --no-build", self.binaries.display(), missing.join(", "));
        }
        Ok(())
    }
}

/// What `cargo run` says about this package would only make cargo build things again.
fn is_about_the_caller(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || matches!(name, "OUT_DIR" | "LD_LIBRARY_PATH" | "DYLD_FALLBACK_LIBRARY_PATH")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_and_target_folder_follow_the_program() {
        for (program, profile) in [
            ("/w/target/debug/tidings", "dev"),
            ("/w/target/release/tidings", "release"),
            ("/w/target/debug/deps/it-0123", "dev"),
        ] {
            let build = Build::of(Path::new(program)).unwrap();
            assert_eq!((build.profile.as_str(), build.target.as_path()), (profile, Path::new("/w/target")));
        }
    }

    #[test]
    fn a_missing_binary_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let build = Build::of(&folder.path().join("debug/tidings")).unwrap();
        let error = build.check(&["send-message".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("send-message"), "{error}");
    }

    #[test]
    fn the_workspace_is_where_its_template_is() {
        assert!(workspace().join("Cargo.toml").is_file());
    }
}
