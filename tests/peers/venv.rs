//! Programs from `PyPI`, each in a Python environment below `target/` that is made on first use.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// An environment is made once, whichever test comes first.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// An environment with a pinned program (`name==version`) in it, or what is needed for it.
pub fn with(requirement: &str) -> Result<PathBuf, String> {
    let _one_at_a_time = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers").join(requirement);
    let complete = root.join("complete");
    if complete.exists() {
        return Ok(root);
    }
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).unwrap();
    run(Command::new("python3").args(["-m", "venv"]).arg(&root), "python3 with its venv module")?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement];
    run(Command::new(root.join("bin/python")).args(pip), "pip and a way to PyPI")?;
    fs::write(complete, requirement).unwrap();
    Ok(root)
}

fn run(command: &mut Command, needs: &str) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("{needs} is needed: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{needs} is needed: {}", String::from_utf8_lossy(&output.stderr)))
}
