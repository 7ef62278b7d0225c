//! Other people's engines as judges: `DuckDB`, `sqlglot`, `jsonschema` in a Python environment below
//! `target/` that is made on first use.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// Pinned, so that a new release cannot turn a test red.
const PACKAGES: [&str; 5] =
    ["duckdb==2.0.0", "sqlglot==30.30.0", "jsonschema==4.26.0", "pytz==2025.2", "rpds-py==2026.9.1"];

/// Runs a script that reads JSON from its standard input and prints JSON; `None`, said aloud, on a
/// machine without Python or a way to `PyPI`.
pub fn python(script: &str, input: &Value) -> Option<Value> {
    static VENV: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let venv = match VENV.get_or_init(venv) {
        Ok(venv) => venv,
        Err(needs) => {
            eprintln!("not run: {needs}");
            return None;
        }
    };
    let mut child = Command::new(venv.join("bin/python"))
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn venv() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers").join("analyst-1");
    let complete = root.join("complete");
    let packages = PACKAGES.join("\n");
    if fs::read_to_string(&complete).is_ok_and(|have| have == packages) {
        return Ok(root);
    }
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).unwrap();
    run(Command::new("python3").args(["-m", "venv"]).arg(&root), "python3 with its venv module")?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(root.join("bin/python")).args(pip).args(PACKAGES), "pip and a way to PyPI")?;
    fs::write(complete, packages).unwrap();
    Ok(root)
}

fn run(command: &mut Command, needs: &str) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("{needs} is needed: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{needs} is needed: {}", String::from_utf8_lossy(&output.stderr)))
}
