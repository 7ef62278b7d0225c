//! A real Prometheus of its own, and as much of its HTTP API as the tests ask.

#![allow(clippy::disallowed_methods, reason = "waiting for a process is bounded by the clock")]
#![allow(clippy::print_stderr, reason = "what is not run is said aloud")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A start takes less than a second; busy machines are slow.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// A running Prometheus. Dropping it ends it.
pub struct Prometheus {
    address: String,
    child: Child,
    dir: TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One series of an answer.
#[derive(Debug)]
pub struct Sample {
    pub labels: Value,
    pub value: f64,
}

impl Sample {
    pub fn label(&self, name: &str) -> &str {
        self.labels[name].as_str().unwrap_or_default()
    }
}

impl Prometheus {
    /// With this configuration; `None`, said aloud, on a machine without Prometheus.
    pub fn start(config: &str) -> Option<Self> {
        if !is_there("prometheus") {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--web.listen-address={address}"))
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut prometheus = Self { address, child, dir };
        let start = Instant::now();
        while prometheus.get("/-/ready").is_none_or(|(status, _)| status != 200) {
            let ended = prometheus.child.try_wait().unwrap();
            assert!(ended.is_none(), "Prometheus ended:\n{}", prometheus.log());
            assert!(start.elapsed() < READY_WITHIN, "Prometheus is not ready:\n{}", prometheus.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(prometheus)
    }

    /// The value now of each series of `expression`; why not, when it cannot be evaluated.
    pub fn query(&self, expression: &str) -> Result<Vec<Sample>, String> {
        let path = format!("/api/v1/query?{}", crate::peers::http::form(&[("query", expression)]));
        let (status, body) = self.get(&path).unwrap_or_else(|| panic!("Prometheus is gone:\n{}", self.log()));
        let answer: Value = serde_json::from_str(&body).unwrap();
        if status != 200 {
            return Err(format!("{expression}: {}", answer["error"]));
        }
        let series = answer["data"]["result"].as_array().unwrap().iter();
        Ok(series
            .map(|one| Sample {
                labels: one["metric"].clone(),
                value: one["value"][1].as_str().unwrap().parse().unwrap(),
            })
            .collect())
    }

    /// Name and query of every alert that is loaded.
    pub fn alerts(&self) -> Vec<(String, String)> {
        let (_, body) = self.get("/api/v1/rules").unwrap();
        let answer: Value = serde_json::from_str(&body).unwrap();
        let groups = answer["data"]["groups"].as_array().unwrap().iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
        let text = |rule: &Value, key: &str| rule[key].as_str().unwrap().to_owned();
        rules.map(|rule| (text(rule, "name"), text(rule, "query"))).collect()
    }

    /// Why targets could not be scraped.
    pub fn target_errors(&self) -> Vec<String> {
        let (_, body) = self.get("/api/v1/targets").unwrap();
        let answer: Value = serde_json::from_str(&body).unwrap();
        let targets = answer["data"]["activeTargets"].as_array().unwrap().iter();
        targets.map(|one| format!("{}: {}", one["labels"]["instance"], one["lastError"])).collect()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// By HTTP/1.0, whose answers end with the connection and are never chunked.
    fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs `promtool` in `dir`; `None`, said aloud, where it is absent.
pub fn promtool(arguments: &[&str], dir: &Path) -> Option<(bool, String)> {
    if !is_there("promtool") {
        return None;
    }
    let output = Command::new("promtool").args(arguments).current_dir(dir).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

fn is_there(program: &str) -> bool {
    let ran = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = ran.is_ok_and(|status| status.success());
    if !there {
        eprintln!("not run: {program} is needed (Debian: apt-get install prometheus)");
    }
    there
}
