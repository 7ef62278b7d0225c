//! Programs from `PyPI`, each in a Python environment below `target/` that is made on first use.

#![allow(dead_code, reason = "each test binary uses the part it needs")]
#![allow(clippy::print_stderr, reason = "what is not run is said aloud")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// An environment is made once, whichever test comes first.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// moto as a server, with what S3, SQS and SNS need of its many extras; and with it botocore's models.
pub const MOTO: [&str; 6] = [
    "moto==5.2.5",
    "boto3==1.44.5",
    "botocore==1.44.5",
    "flask==3.1.3",
    "flask-cors==6.0.5",
    "pyyaml==6.0.3",
];

/// An environment, called `name`, with pinned packages (`package==version`) in it, or what is needed
/// for it. Other pins make it anew.
pub fn with(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let _one_at_a_time = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers").join(name);
    let complete = root.join("complete");
    let wanted = packages.join("\n");
    if fs::read_to_string(&complete).is_ok_and(|have| have == wanted) {
        return Ok(root);
    }
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).unwrap();
    run(Command::new("python3").args(["-m", "venv"]).arg(&root), "python3 with its venv module")?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(root.join("bin/python")).args(pip).args(packages), "pip and a way to PyPI")?;
    fs::write(complete, wanted).unwrap();
    Ok(root)
}

/// Runs a Python script in such an environment. It reads JSON from its standard input and prints
/// JSON; `None`, said aloud, on a machine without Python or a way to `PyPI`.
pub fn python(name: &str, packages: &[&str], script: &str, input: &Value) -> Option<Value> {
    let venv = with(name, packages).map_err(|needs| eprintln!("not run: {needs}")).ok()?;
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

fn run(command: &mut Command, needs: &str) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("{needs} is needed: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{needs} is needed: {}", String::from_utf8_lossy(&output.stderr)))
}
