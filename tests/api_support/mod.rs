//! A service that speaks JSON over signed requests, on a loopback port: it checks who asks, as AWS
//! does, notes what is asked, and gives the answers of a test.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub const ACCESS_KEY: &str = "AKIDEXAMPLE";
pub const SECRET_KEY: &str = "secret";

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }
}

/// Status and body.
pub type Answer = (u16, String);

/// A running service. It ends with the process.
pub struct Service {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    /// Answers requests for `name` that are signed as they should be.
    pub fn answering(name: &'static str, mut answer: impl FnMut(&Asked) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut reader) = stream.map(BufReader::new) else { continue };
                // A connection that is opened and not used says nothing.
                let Ok(request) = read(&mut reader) else { continue };
                let (status, body) = match wrong(&request, name) {
                    None => answer(&request),
                    Some(why) => (403, format!(r#"{{"__type":"SignatureDoesNotMatch","message":"{why}"}}"#)),
                };
                log.lock().unwrap().push(request);
                let head = "Content-Type: application/json\r\nx-amzn-RequestId: r-1\r\nConnection: close\r\n";
                let length = body.len();
                let _ = write!(
                    reader.get_mut(),
                    "HTTP/1.1 {status} X\r\n{head}Content-Length: {length}\r\n\r\n{body}"
                );
            }
        });
        Self { url, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Asked> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let mut first = lines[0].split(' ').map(str::to_owned);
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let header = |line: &String| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let headers: Vec<_> = lines[1..].iter().map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    reader.read_exact(&mut body)?;
    Ok(Asked { method, target, headers, body })
}

/// What is wrong with a signature. Source: AWS IAM User Guide, "Create a signed AWS API request".
fn wrong(request: &Asked, service: &str) -> Option<String> {
    let authorization = request.header("authorization");
    let part = |name: &str| {
        let rest = authorization.split(&format!("{name}=")).nth(1).unwrap_or_default();
        rest.split(',').next().unwrap_or_default().to_owned()
    };
    let (credential, names, signature) = (part("Credential"), part("SignedHeaders"), part("Signature"));
    let time = request.header("x-amz-date");
    let scope = credential.split_once('/').map_or("", |(_, scope)| scope);
    let scope_parts: Vec<&str> = scope.split('/').collect();
    let [date, region, signed_for, "aws4_request"] = scope_parts[..] else {
        return Some(format!("no scope in {credential}"));
    };
    if signed_for != service || !time.starts_with(date) || !names.split(';').any(|name| name == "host") {
        return Some(format!("signed for {signed_for} at {time}, headers {names}"));
    }
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut pairs: Vec<String> =
        query.split('&').filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
    pairs.sort();
    let mut canonical = format!("{}\n{path}\n{}\n", request.method, pairs.join("&"));
    for name in names.split(';') {
        let _ = writeln!(canonical, "{name}:{}", request.header(name));
    }
    let _ = write!(canonical, "\n{names}\n{}", hex(&Sha256::digest(&request.body)));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let mut key = format!("AWS4{SECRET_KEY}").into_bytes();
    for part in [date, region, signed_for, "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    let right = hex(&hmac(&key, text.as_bytes()));
    (right != signature || !credential.starts_with(ACCESS_KEY)).then(|| "the signature differs".to_owned())
}

/// RFC 2104 with SHA-256, for keys of at most a block.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let block = |pad: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ pad).collect() };
    let inner = Sha256::digest([block(0x36).as_slice(), text].concat());
    Sha256::digest([block(0x5c).as_slice(), &inner].concat()).to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
