//! The sender against servers that show a certificate: one is told nothing unless it shows one that is valid for its host,
//! now, by an authority that the sender trusts.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;

/// An authority of the test's own.
type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// What a server's certificate for `host` says.
fn certificate(host: &str) -> CertificateParams {
    CertificateParams::new([host.to_owned()]).unwrap()
}

/// A server that shows the certificate that `params` make, by `authority` or, without one, by itself; its port, and what
/// it was told, if it was.
async fn server(
    params: CertificateParams,
    authority: Option<&Authority>,
) -> (u16, oneshot::Receiver<String>) {
    let key = KeyPair::generate().unwrap();
    let shown = match authority {
        Some(authority) => params.signed_by(&key, authority),
        None => params.self_signed(&key),
    };
    let chain = vec![CertificateDer::from(shown.unwrap())];
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, question) = oneshot::channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else { return };
        let (mut request, mut read) = (Vec::new(), [0; 1024]);
        while !request.ends_with(b"}") {
            match stream.read(&mut read).await {
                Ok(length @ 1..) => request.extend_from_slice(&read[..length]),
                _ => return,
            }
        }
        let _ = told.send(String::from_utf8(request).unwrap());
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    });
    (port, question)
}

/// A sender that trusts `authority` and no other.
fn trusting(authority: &Authority) -> Sender {
    let mut authorities = RootCertStore::empty();
    authorities.add(CertificateDer::from(authority.der().to_vec())).unwrap();
    Sender::trusting(authorities, &config(true)).unwrap()
}

#[tokio::test]
async fn a_server_with_a_valid_certificate_is_told() {
    let authority = authority();
    for host in ["localhost", "127.0.0.1"] {
        let (port, told) = server(certificate(host), Some(&authority)).await;
        let message = message();
        let reply = trusting(&authority).post(&target(&format!("https://{host}:{port}/")), &message).await;
        assert_eq!(reply, status(204), "{host}");
        assert!(told.await.unwrap().ends_with(&message.body));
    }
}

#[tokio::test]
async fn a_server_with_any_other_certificate_is_told_nothing() {
    let (ours, other) = (authority(), authority());
    let mut expired = certificate("localhost");
    (expired.not_before, expired.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    let mut early = certificate("localhost");
    early.not_before = date_time_ymd(4000, 1, 1);
    for (what, params, authority) in [
        ("self-signed", certificate("localhost"), None),
        ("by an authority that nobody knows", certificate("localhost"), Some(&other)),
        ("another host's", certificate("hooks.example.com"), Some(&ours)),
        ("expired", expired, Some(&ours)),
        ("not valid yet", early, Some(&ours)),
    ] {
        let (port, told) = server(params, authority).await;
        let reply = trusting(&ours).post(&target(&format!("https://localhost:{port}/")), &message()).await;
        assert_eq!(reply, Failure::Insecure.into(), "{what}");
        assert!(told.await.is_err(), "{what}");
    }
}
