//! Between a watcher and its peer: requests have names, and at a chosen one everything stops until the
//! test has killed the watcher.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// When in the life of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The peer has not seen it.
    Before,
    /// The watcher has half of the answer.
    Halfway,
    /// The peer has done it, and the watcher does not know.
    After,
}

/// Waits for a request.
struct Trap {
    request: &'static str,
    when: When,
    sprung: Sender<()>,
    /// Ends when the test drops its end.
    hold: Receiver<()>,
}

/// The test's end of a trap. Dropping it lets the connection go.
pub struct Sprung {
    pub sprung: Receiver<()>,
    _hold: Sender<()>,
}

/// A running proxy. It ends with the process.
pub struct Proxy {
    pub url: String,
    traps: Traps,
}

type Traps = Arc<Mutex<Vec<Trap>>>;

impl Proxy {
    pub fn before(peer_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let upstream = peer_url.strip_prefix("http://").unwrap().to_owned();
        let traps = Traps::default();
        let own = Arc::clone(&traps);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (traps, upstream) = (Arc::clone(&own), upstream.clone());
                // A watcher that is killed breaks its connections.
                std::thread::spawn(move || drop(serve(stream.unwrap(), &upstream, &traps)));
            }
        });
        Self { url, traps }
    }

    /// Stops at the next request of this name.
    pub fn set(&self, request: &'static str, when: When) -> Sprung {
        let (sprung, is_sprung) = channel();
        let (held, hold) = channel();
        self.traps.lock().unwrap().push(Trap { request, when, sprung, hold });
        Sprung { sprung: is_sprung, _hold: held }
    }
}

/// One request and its answer, on connections of their own.
fn serve(mut client: TcpStream, upstream: &str, traps: &Traps) -> std::io::Result<()> {
    let (head, body) = request(&mut client)?;
    let name = name(&head, &body);
    let trap = {
        let mut traps = traps.lock().unwrap();
        // Those that nobody waits for any more.
        traps.retain(|trap| trap.hold.try_recv() != Err(TryRecvError::Disconnected));
        traps.iter().position(|trap| trap.request == name).map(|at| traps.remove(at))
    };
    let stop = |trap: &Trap| {
        let _ = trap.sprung.send(());
        let _ = trap.hold.recv();
    };
    if let Some(trap) = trap.as_ref().filter(|trap| trap.when == When::Before) {
        stop(trap);
        return Ok(());
    }
    let mut server = TcpStream::connect(upstream)?;
    server.set_read_timeout(Some(Duration::from_mins(1)))?;
    let lines = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head: Vec<&str> = lines.chain(["Connection: close\r\n\r\n"]).collect();
    server.write_all(head.join("\r\n").as_bytes())?;
    server.write_all(&body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    if let Some(trap) = trap {
        if trap.when == When::Halfway {
            client.write_all(&answer[..answer.len() / 2])?;
            // So that it arrives as it is.
            std::thread::sleep(Duration::from_millis(20));
        }
        stop(&trap);
        return Ok(());
    }
    client.write_all(&answer)
}

/// Head, without the empty line, and body.
fn request(client: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut some = [0; 16 << 10];
    let end = loop {
        let read = client.read(&mut some)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&some[..read]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = header(&head, "content-length").map_or(0, |value| value.parse().unwrap());
    let mut body = bytes.split_off(end + 4);
    let begun = body.len();
    body.resize(length, 0);
    client.read_exact(&mut body[begun..])?;
    Ok((head, body))
}

fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim()).next()
}

/// What AWS calls the request.
fn name(head: &str, body: &[u8]) -> String {
    if let Some(target) = header(head, "x-amz-target") {
        return target.rsplit('.').next().unwrap().to_owned();
    }
    let body = String::from_utf8_lossy(body);
    if let Some(action) = body.split('&').find_map(|field| field.strip_prefix("Action=")) {
        return action.to_owned();
    }
    let first = head.lines().next().unwrap_or_default();
    match first {
        list if list.contains("list-type=2") => "ListObjectsV2".to_owned(),
        get if get.starts_with("GET ") => "GetObject".to_owned(),
        other => other.split(' ').next().unwrap_or_default().to_owned(),
    }
}
