//! The sender against servers that mean no good, on loopback.

mod tls;

use std::collections::VecDeque;
use std::sync::Mutex;

use jiff::SignedDuration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;

use super::super::signature::SigningSecret;
use super::super::target::tests::config;
use super::*;
use crate::clock::Timestamp;
use crate::id::DeliveryId;

/// A resolver that gives each time the next of its answers.
struct Answers(Mutex<VecDeque<Vec<IpAddr>>>);

impl Answers {
    fn new<const N: usize>(answers: [&[&str]; N]) -> Self {
        let answers = answers.map(|them| them.iter().map(|it| it.parse().unwrap()).collect());
        Self(Mutex::new(answers.into()))
    }
}

impl Resolver for Answers {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let answer = self.0.lock().unwrap().pop_front().ok_or_else(|| io::Error::other("no such name"));
        Box::pin(std::future::ready(answer))
    }
}

fn message() -> Message {
    let at = Timestamp::from_second(1_614_265_330).unwrap();
    Message::signed(DeliveryId::random(), at, r#"{"type":"x"}"#.to_owned(), &[SigningSecret::random()])
}

fn target(url: &str) -> Target {
    Target::parse(url, &config(true)).unwrap()
}

/// A sender that may reach loopback.
fn sender() -> Sender {
    Sender::new(&config(true)).unwrap()
}

/// One that has little patience.
fn hasty_sender() -> Sender {
    let quick = Duration::from_millis(300);
    Sender { limits: Limits { connect: quick, total: quick, rest: quick }, ..sender() }
}

/// A server that answers its first connection with `answer`; its port, and what it was asked.
async fn server(answer: impl Into<Vec<u8>>, then: Then) -> (u16, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, question) = oneshot::channel();
    let answer = answer.into();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let mut length = 0;
        while !String::from_utf8_lossy(&request[..length]).ends_with('}') {
            length += stream.read(&mut request[length..]).await.unwrap();
        }
        request.truncate(length);
        let _ = asked.send(String::from_utf8(request).unwrap());
        stream.write_all(&answer).await.unwrap();
        match then {
            Then::Close => {}
            Then::Hold => std::future::pending().await,
            Then::Flood => while stream.write_all(&[b'x'; 4096]).await.is_ok() {},
        }
    });
    (port, question)
}

/// What a server does after its answer.
enum Then {
    Close,
    Hold,
    Flood,
}

async fn post_to(answer: &str, then: Then) -> Reply {
    let (port, _question) = server(answer, then).await;
    sender().post(&target(&format!("http://127.0.0.1:{port}/")), &message()).await
}

fn status(status: u16) -> Reply {
    Reply { outcome: Outcome::Status(status), retry_after: None }
}

#[tokio::test]
async fn a_message_arrives_as_it_was_signed() {
    let (port, question) = server("HTTP/1.1 204 No Content\r\n\r\n", Then::Close).await;
    let message = message();
    let reply = sender().post(&target(&format!("http://127.0.0.1:{port}/in?key=1")), &message).await;
    assert_eq!(reply, status(204));
    let asked = question.await.unwrap();
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, message.body);
    for line in [
        "POST /in?key=1 HTTP/1.1".to_owned(),
        format!("host: 127.0.0.1:{port}"),
        "content-type: application/json".to_owned(),
        format!("webhook-id: {}", message.id),
        "webhook-timestamp: 1614265330".to_owned(),
        format!("webhook-signature: {}", message.signatures),
    ] {
        assert!(head.lines().any(|it| it == line), "{line}: {head}");
    }
    assert!(!head.contains("accept-encoding"), "{head}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (secret, asked) = server("HTTP/1.1 200 OK\r\n\r\n", Then::Close).await;
    let answer =
        format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{secret}/\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(post_to(&answer, Then::Close).await, status(302));
    assert!(timeout(Duration::from_millis(50), asked).await.is_err());
}

#[tokio::test]
async fn who_is_busy_says_for_how_long() {
    let reply =
        post_to("HTTP/1.1 503 Busy\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n", Then::Close).await;
    assert_eq!(reply.retry_after, Some(SignedDuration::from_secs(120)));
}

#[tokio::test]
async fn an_answer_without_end_counts_by_its_status() {
    let flood = post_to("HTTP/1.1 200 OK\r\n\r\n", Then::Flood).await;
    let bomb = post_to("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n", Then::Flood).await;
    let drip = post_to("HTTP/1.1 500 No\r\ncontent-length: 9\r\n\r\nx", Then::Hold).await;
    assert_eq!([flood, bomb, drip], [status(200), status(200), status(500)]);
}

#[tokio::test]
async fn a_head_without_end_is_no_answer() {
    assert_eq!(post_to("HTTP/1.1 200 OK\r\nx: ", Then::Flood).await, Failure::NoAnswer.into());
    let (port, _question) = server("HTTP/1.1 200 OK\r\nx: ", Then::Hold).await;
    let held = hasty_sender().post(&target(&format!("http://127.0.0.1:{port}/")), &message()).await;
    assert_eq!(held, Failure::TimedOut.into());
    assert_eq!(post_to("SSH-2.0-OpenSSH_9.6\r\n", Then::Close).await, Failure::NoAnswer.into());
    assert_eq!(post_to("", Then::Close).await, Failure::NoAnswer.into());
}

#[tokio::test]
async fn a_name_with_any_address_that_is_not_public_is_refused() {
    let public = Target::parse("https://hooks.example.com/", &config(false)).unwrap();
    for addresses in [
        ["127.0.0.1", "127.0.0.1"],
        ["8.8.8.8", "10.0.0.1"],
        ["8.8.8.8", "169.254.169.254"],
        ["2606:4700:4700::1111", "::ffff:127.0.0.1"],
        ["8.8.8.8", "64:ff9b::7f00:1"],
    ] {
        let sender = Sender::new(&config(false)).unwrap().resolving_by(Answers::new([&addresses]));
        assert_eq!(sender.post(&public, &message()).await, Failure::Forbidden.into(), "{addresses:?}");
    }
}

/// The name is asked for once: what it would lead to the second time has no say.
#[tokio::test]
async fn a_name_that_changes_its_mind_changes_nothing() {
    let (port, question) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Then::Close).await;
    let target = target(&format!("http://localhost:{port}/"));
    let sender = sender().resolving_by(Answers::new([&["127.0.0.1"], &["10.0.0.1"]]));
    assert_eq!(sender.post(&target, &message()).await, status(200));
    assert!(question.await.is_ok());
    assert_eq!(sender.post(&target, &message()).await, Failure::Forbidden.into());
    assert_eq!(sender.post(&target, &message()).await, Failure::NotResolved.into());
}

#[tokio::test]
async fn a_target_of_loopback_is_refused_where_loopback_no_longer_is_allowed() {
    let sender = Sender::new(&config(false)).unwrap();
    for url in ["http://127.0.0.1:3000/", "https://[::1]/"] {
        assert_eq!(sender.post(&target(url), &message()).await, Failure::Forbidden.into());
    }
}

#[tokio::test]
async fn nobody_there_and_no_tls_there_are_told_apart() {
    // Nobody listens at the port of the discard protocol.
    let nobody = sender().post(&target("https://127.0.0.1:9/"), &message()).await;
    assert_eq!(nobody, Failure::NotConnected.into());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    });
    let plain = sender().post(&target(&format!("https://127.0.0.1:{port}/")), &message()).await;
    assert_eq!(plain, Failure::Insecure.into());
}

#[tokio::test]
async fn an_address_that_swallows_everything_leaves_the_next_one_its_time() {
    let (port, question) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Then::Close).await;
    let swallowing = SocketAddr::new("127.0.0.2".parse().unwrap(), port);
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(swallowing).unwrap();
    let _nobody_accepts = socket.listen(1).unwrap();
    // Once the queue is full, no more is answered.
    let mut waiting = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(100), TcpStream::connect(swallowing)).await {
        waiting.push(stream.unwrap());
    }
    let limits = Limits { connect: Duration::from_millis(300), ..LIMITS };
    let answers = Answers::new([&["127.0.0.2", "127.0.0.1"], &["127.0.0.2"]]);
    let sender = Sender { limits, ..sender().resolving_by(answers) };
    let target = target(&format!("http://localhost:{port}/"));
    assert_eq!(sender.post(&target, &message()).await, status(200));
    assert!(question.await.is_ok());
    assert_eq!(sender.post(&target, &message()).await, Failure::TimedOut.into());
}
