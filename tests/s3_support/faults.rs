//! What can go wrong between S3 and us, done to chosen requests.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use s3s::service::S3Service;

use super::{ACCESS_KEY, SECRET_KEY};

pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// It is answered with this status, code and message.
    Refused(u16, &'static str, &'static str),
    /// It is answered by naming another region.
    Redirected(&'static str),
    /// It is never answered.
    Unanswered,
    /// It is done, and its answer is lost on the way: what comes is that of a gateway.
    Lost,
    /// The connection breaks after so many bytes of the body.
    Cut(usize),
    /// Nothing follows so many bytes of the body.
    Stalled(usize),
    /// The body has only so many bytes, and the answer says so.
    Short(usize),
    /// The entity tag is another one.
    OtherVersion,
}

struct Rule {
    /// In the request's path and query.
    of: String,
    left: u32,
    trouble: Trouble,
}

/// The server between client and store.
#[derive(Clone, Default)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Rule>>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Faults {
    /// Troubles the next `times` requests whose path or query contains `of`.
    pub fn add(&self, of: &str, times: u32, trouble: Trouble) {
        self.rules.lock().unwrap().push(Rule { of: of.to_owned(), left: times, trouble });
    }

    /// Troubles none any more.
    pub fn clear(&self) {
        self.rules.lock().unwrap().clear();
    }

    /// Path, query and range of all requests so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn note(&self, request: &Request<Incoming>) -> Option<Trouble> {
        let uri = request.uri().to_string();
        let range = request.headers().get("range").map_or("", |range| range.to_str().unwrap());
        self.log.lock().unwrap().push(format!("{uri} {range}").trim_end().to_owned());
        let mut rules = self.rules.lock().unwrap();
        let rule = rules.iter_mut().find(|rule| rule.left > 0 && uri.contains(&rule.of))?;
        rule.left -= 1;
        Some(rule.trouble.clone())
    }

    pub async fn answer(
        self,
        service: S3Service,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let trouble = self.note(&request);
        // S3 itself gets no POST in these tests: this is STS.
        if request.method() == Method::POST && request.uri().path() == "/" {
            return Ok(assumed_role());
        }
        match &trouble {
            Some(Trouble::Refused(status, code, message)) => {
                // Who is still sending would hear of a broken connection only.
                let _ = request.into_body().collect().await;
                return Ok(refusal(*status, code, message));
            }
            Some(Trouble::Redirected(region)) => {
                let mut response = refusal(301, "PermanentRedirect", "use another endpoint");
                let name = HeaderName::from_static("x-amz-bucket-region");
                response.headers_mut().insert(name, HeaderValue::from_static(region));
                return Ok(response);
            }
            Some(Trouble::Unanswered) => std::future::pending().await,
            _ => {}
        }
        let response = service.call(request.map(s3s::Body::from)).await.unwrap();
        let Some(trouble) = trouble else { return Ok(response.map(BodyExt::boxed_unsync)) };
        if matches!(trouble, Trouble::Lost) {
            return Ok(refusal(502, "BadGateway", "the answer was lost"));
        }
        let (mut head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = match trouble {
            Trouble::Cut(len) => broken(bytes.slice(..len)),
            Trouble::Stalled(len) => stalled(bytes.slice(..len)),
            Trouble::Short(len) => {
                head.headers.insert(CONTENT_LENGTH, len.into());
                full(bytes.slice(..len))
            }
            _ => {
                head.headers.insert(ETAG, HeaderValue::from_static("\"another\""));
                full(bytes)
            }
        };
        Ok(Response::from_parts(head, body))
    }
}

/// The answer of STS to `AssumeRole`: the credentials that the store accepts.
fn assumed_role() -> Response<Body> {
    let text = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>{ACCESS_KEY}</AccessKeyId><SecretAccessKey>{SECRET_KEY}</SecretAccessKey>\
         <SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
         </AssumeRoleResult></AssumeRoleResponse>"
    );
    let mut response = Response::new(full(text.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}

fn refusal(status: u16, code: &str, message: &str) -> Response<Body> {
    let text =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let mut response = Response::new(full(text.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// What the body is made of, one frame or error after the other.
type Frames = Vec<Result<Frame<Bytes>, Box<dyn std::error::Error + Send + Sync>>>;

fn broken(bytes: Bytes) -> Body {
    let frames: Frames = vec![Ok(Frame::data(bytes)), Err("cut".into())];
    StreamBody::new(Slowly { frames: frames.into_iter(), wait: None, is_endless: false }).boxed_unsync()
}

fn stalled(bytes: Bytes) -> Body {
    let frames: Frames = vec![Ok(Frame::data(bytes))];
    StreamBody::new(Slowly { frames: frames.into_iter(), wait: None, is_endless: true }).boxed_unsync()
}

/// Frames with a pause between them, so that each leaves the server by itself; then the end, or
/// silence.
struct Slowly {
    frames: std::vec::IntoIter<Result<Frame<Bytes>, Box<dyn std::error::Error + Send + Sync>>>,
    wait: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
    is_endless: bool,
}

impl futures_core::Stream for Slowly {
    type Item = Result<Frame<Bytes>, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        if let Some(wait) = &mut self.wait {
            std::task::ready!(wait.as_mut().poll(context));
        }
        match self.frames.next() {
            Some(frame) => {
                self.wait = Some(Box::pin(tokio::time::sleep(Duration::from_millis(5))));
                std::task::Poll::Ready(Some(frame))
            }
            None if self.is_endless => std::task::Poll::Pending,
            None => std::task::Poll::Ready(None),
        }
    }
}
