//! Posts a message to a target: one request on one connection of its own, to an address that was vetted.
//!
//! The host's name is resolved once, every address it has is judged, and the connection is made to one of those:
//! a name that changes its mind in between (DNS rebinding) changes nothing. There is no client here that could
//! follow a redirect, take a proxy from the environment, keep a connection or unpack an answer. What the endpoint
//! answers beyond its status is read, so that it is not cut off, up to a limit, and dropped.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, header};
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::Host;

use super::address;
use super::delivery::{Failure, Outcome};
use super::retry::{Reply, retry_after};
use super::signature::Message;
use super::target::Target;
use crate::config::Config;
use crate::fault::Fault;

/// The most that is read of an answer: of its head, and of its body.
const MOST_READ: usize = 64 * 1024;

/// Into how many shares the time to connect is divided at most, where a host has so many addresses.
const MOST_SHARES: u32 = 4;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// To resolve the name and connect.
    connect: Duration,
    /// Until the status is there, all in all.
    total: Duration,
    /// For the rest of the answer.
    rest: Duration,
}

const LIMITS: Limits =
    Limits { connect: Duration::from_secs(5), total: Duration::from_secs(15), rest: Duration::from_secs(1) };

/// Finds the addresses of a host name.
pub trait Resolver: Send + Sync {
    /// All addresses of `name`.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The operating system's resolver.
struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|it| it.ip()).collect()) })
    }
}

/// Posts messages. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    resolver: Arc<dyn Resolver>,
    tls: TlsConnector,
    allow_loopback: bool,
    limits: Limits,
}

impl Sender {
    /// A sender that trusts the certificate authorities of the web.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(config: &Config) -> Result<Self, Fault> {
        let mut authorities = RootCertStore::empty();
        authorities.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        Self::trusting(authorities, config)
    }

    fn trusting(authorities: RootCertStore, config: &Config) -> Result<Self, Fault> {
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Fault::broken("setting up TLS", error))?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        Ok(Self {
            resolver: Arc::new(SystemResolver),
            tls: TlsConnector::from(Arc::new(tls)),
            allow_loopback: config.webhook_allow_loopback,
            limits: LIMITS,
        })
    }

    /// The same sender, with names resolved by `resolver`.
    #[must_use]
    pub fn resolving_by(self, resolver: impl Resolver + 'static) -> Self {
        Self { resolver: Arc::new(resolver), ..self }
    }

    /// Posts `message` to `target`, once.
    pub async fn post(&self, target: &Target, message: &Message) -> Reply {
        match timeout(self.limits.total, self.exchange(target, message)).await {
            Ok(Ok(mut answer)) => {
                // The status counts, whatever becomes of the rest.
                let _ = timeout(self.limits.rest, answer.read_rest()).await;
                answer.reply
            }
            Ok(Err(failure)) => failure.into(),
            Err(_) => Failure::TimedOut.into(),
        }
    }

    async fn exchange(&self, target: &Target, message: &Message) -> Result<Answer, Failure> {
        let connected = timeout(self.limits.connect, self.connect(target)).await;
        let stream = connected.map_err(|_| Failure::TimedOut)??;
        if !target.is_https() {
            return ask(stream, target, message).await;
        }
        let name = match target.host() {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| Failure::Insecure)?,
            Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
        };
        let stream = self.tls.connect(name, stream).await.map_err(|_| Failure::Insecure)?;
        ask(stream, target, message).await
    }

    /// Connects to an address of the target's host, if all that it has may be reached.
    async fn connect(&self, target: &Target) -> Result<TcpStream, Failure> {
        let addresses = match target.host() {
            Host::Ipv4(address) => vec![IpAddr::V4(*address)],
            Host::Ipv6(address) => vec![IpAddr::V6(*address)],
            Host::Domain(name) => self.resolver.resolve(name).await.map_err(|_| Failure::NotResolved)?,
        };
        if addresses.is_empty() {
            return Err(Failure::NotResolved);
        }
        // One that is not public among others is no oversight: such a name is used to slip through.
        if !addresses.iter().all(|it| address::is_allowed(*it, self.allow_loopback)) {
            return Err(Failure::Forbidden);
        }
        // One that swallows what is sent to it leaves the next ones their time.
        let shares = u32::try_from(addresses.len()).unwrap_or(MOST_SHARES).min(MOST_SHARES);
        let mut failure = Failure::NotConnected;
        for address in addresses {
            let connecting = TcpStream::connect(SocketAddr::new(address, target.port()));
            match timeout(self.limits.connect / shares, connecting).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(_)) => {}
                Err(_) => failure = Failure::TimedOut,
            }
        }
        Err(failure)
    }
}

/// Sends the request and waits for the head of its answer.
async fn ask<S>(stream: S, target: &Target, message: &Message) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = request(target, message).map_err(|_| Failure::NoAnswer)?;
    let connection = http1::Builder::new().max_buf_size(MOST_READ).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connection.map_err(|_| Failure::NoAnswer)?;
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let answer = sender.send_request(request).await.map_err(|_| Failure::NoAnswer)?;
    let asked = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let reply = Reply {
        outcome: Outcome::Status(answer.status().as_u16()),
        retry_after: asked.and_then(|value| retry_after(value, message.at)),
    };
    Ok(Answer { reply, body: answer.into_body(), _driver: driver })
}

/// An answer whose head is there.
struct Answer {
    reply: Reply,
    body: Incoming,
    /// Drives the connection, and ends it when dropped.
    _driver: JoinSet<Result<(), hyper::Error>>,
}

impl Answer {
    /// Reads what is left, up to a limit, and keeps nothing.
    async fn read_rest(&mut self) {
        let mut read = 0;
        while let Some(Ok(frame)) = self.body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read >= MOST_READ {
                break;
            }
        }
    }
}

fn request(target: &Target, message: &Message) -> Result<Request<Full<Bytes>>, ::http::Error> {
    Request::post(target.path())
        .header(header::HOST, target.authority())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("usher/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close")
        .header("webhook-id", message.id.to_string())
        .header("webhook-timestamp", message.at.as_second())
        .header("webhook-signature", &message.signatures)
        .body(Full::from(message.body.clone()))
}

#[cfg(test)]
mod tests;
