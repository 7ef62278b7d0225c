//! SNS as it answers when something is wrong, which no emulator does: a server on a loopback port
//! that gives prepared answers, and notes what it was asked.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::peers::http::fields;

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// All messages are taken, except those at these places, refused with code and message.
    Taken(Vec<(usize, &'static str, &'static str)>),
    /// The request as a whole is refused: status, code, message.
    Refused(u16, &'static str, &'static str),
    /// All messages are taken, and the answer does not mention the last.
    Forgetful,
}

/// A request for `PublishBatch`.
#[derive(Clone, Debug)]
pub struct Asked {
    pub fields: Vec<(String, String)>,
}

impl Asked {
    /// The values of the fields whose names end with `name`, in the order of the batch.
    pub fn all(&self, name: &str) -> Vec<String> {
        let ends = |field: &&(String, String)| field.0.ends_with(name);
        self.fields.iter().filter(ends).map(|(_, value)| value.clone()).collect()
    }
}

/// A running server. It ends with the process.
pub struct Sns {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Sns {
    /// Gives `answers` in turn, the last one again and again.
    pub fn answering(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let log = Arc::clone(&asked);
        let mut answers: VecDeque<Answer> = answers.to_vec().into();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
                let _ = serve(stream.unwrap(), &answer.unwrap(), &log);
            }
        });
        Self { url, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, answer: &Answer, log: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let fields = fields(&String::from_utf8(body).unwrap());
    let messages = fields.iter().filter(|(name, _)| name.ends_with(".Message")).count();
    log.lock().unwrap().push(Asked { fields });
    let (status, body) = written(answer, messages);
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\nx-amzn-RequestId: r-1\r\nConnection: close\r\n"
    );
    write!(reader.get_mut(), "{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn written(answer: &Answer, messages: usize) -> (u16, String) {
    let none = Vec::new();
    let (refused, told) = match answer {
        Answer::Refused(status, code, message) => {
            let error =
                format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
            let body = format!("<ErrorResponse>{error}<RequestId>r-1</RequestId></ErrorResponse>");
            return (*status, body);
        }
        Answer::Taken(refused) => (refused, messages),
        Answer::Forgetful => (&none, messages - 1),
    };
    let (mut taken, mut failed) = (String::new(), String::new());
    for at in 0..told {
        match refused.iter().find(|(place, ..)| *place == at) {
            Some((_, code, message)) => {
                let _ = write!(
                    failed,
                    "<member><Id>{at}</Id><Code>{code}</Code><Message>{message}</Message>\
                     <SenderFault>false</SenderFault></member>"
                );
            }
            None => {
                let _ = write!(taken, "<member><Id>{at}</Id><MessageId>m-{at}</MessageId></member>");
            }
        }
    }
    let body = format!(
        "<PublishBatchResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishBatchResult>\
         <Successful>{taken}</Successful><Failed>{failed}</Failed></PublishBatchResult>\
         <ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></PublishBatchResponse>"
    );
    (200, body)
}
