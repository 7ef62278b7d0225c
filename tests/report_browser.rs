//! The report in a real browser: used by a person, attacked by a log.
//!
//! Needs Node.js with npm and Chromium (Debian: `apt-get install nodejs npm chromium`, or
//! `CHROMIUM=/path`). What drives them comes from npm, pinned by hash, on first use.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "what ran, and what could not, is said aloud")]

mod report_support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use outflow::detect::Settings;
use outflow::lake::Lake;
use outflow::report::{HeatRow, Model, ReportOptions, gather, html};

const SUPPORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report_support");
const BROWSERS: [&str; 4] =
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/opt/google/chrome/chrome"];

fn model(lake: &Lake) -> Model {
    gather(lake, &Settings::default(), &ReportOptions::default()).unwrap()
}

/// The page that `outflow demo` leaves behind.
fn demo_page(dir: &Path) -> PathBuf {
    let root = dir.join("demo");
    let output = Command::new(env!("CARGO_BIN_EXE_outflow"))
        .args(["demo", "--no-progress", "--dir"])
        .arg(&root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    root.join("report.html")
}

/// As many incidents as a report lists, and as many interfaces as its heat map holds.
fn large(mut model: Model) -> Model {
    let row = model.fleet.heat[0].clone();
    model.fleet.heat =
        (0..400).map(|at| HeatRow { eni: format!("eni-many-{at:04}"), ..row.clone() }).collect();
    model.fleet.heat_more = 9_600;
    let first = model.incidents[0].clone();
    model.incidents = (0..5_000)
        .map(|at| {
            let mut incident = first.clone();
            incident.id = format!("many-{at}");
            incident.chart = incident.chart.filter(|_| at < 200);
            incident
        })
        .collect();
    model
}

#[test]
fn people_and_attackers_in_a_browser() {
    let ready = browser().and_then(|browser| Ok((browser, driver()?)));
    let (browser, driver) = match ready {
        Ok(ready) => ready,
        Err(needs) => {
            eprintln!("not run: {needs}");
            return;
        }
    };
    let dir = tempfile::tempdir().unwrap();
    let page = |name: &str, model: &Model| {
        let path = dir.path().join(name);
        fs::write(&path, html(model)).unwrap();
        path
    };
    let fleet = model(&report_support::fleet(&dir.path().join("fleet")));
    let hostile = model(&report_support::hostile_lake(&dir.path().join("hostile")));
    // Pictures stay for whoever wants to look at them.
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    fs::create_dir_all(&shots).unwrap();
    let output = Command::new("node")
        .arg(driver.join("drive.mjs"))
        .arg(browser)
        .args([demo_page(dir.path()), page("hostile.html", &hostile), page("large.html", &large(fleet))])
        .arg(&shots)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let also = String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "pictures are in {}\n{said}\n{also}", shots.display());
    assert!(said.matches("ok    ").count() >= 16, "every check ran:\n{said}");
}

fn browser() -> Result<PathBuf, String> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let mut all = named.into_iter().chain(BROWSERS.iter().map(PathBuf::from));
    all.find(|path| path.is_file()).ok_or_else(|| "Chromium is needed (CHROMIUM=/path names one)".to_owned())
}

/// The folder with the driver and what it needs; made anew when either has changed.
fn driver() -> Result<PathBuf, String> {
    let read = |name: &str| fs::read(Path::new(SUPPORT).join(name)).unwrap();
    let lock = read("package-lock.json");
    let name = format!("report-driver-{}", &blake3::hash(&lock).to_hex()[..12]);
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let complete = root.join("complete");
    if !complete.exists() {
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("package.json"), read("package.json")).unwrap();
        fs::write(root.join("package-lock.json"), lock).unwrap();
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&root);
        let output = npm.output().map_err(|e| format!("Node.js with npm is needed: {e}"))?;
        if !output.status.success() {
            return Err(format!(
                "npm and a way to its registry are needed: {}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        fs::write(complete, "").unwrap();
    }
    fs::write(root.join("drive.mjs"), read("drive.mjs")).unwrap();
    Ok(root)
}
