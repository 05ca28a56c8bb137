//! Certificates made for one test, and a receiver behind TLS.

use std::io;
use std::sync::Arc;

use guildhall::webhook::client::ClientOptions;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::{Behaviour, Line, Receiver};

/// Signs certificates; nobody trusts it who was not told to.
pub struct Authority {
    pub certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate").der().clone();
        Authority { certificate, issuer: Issuer::new(params, key) }
    }

    /// Options of a client that trusts this authority.
    pub fn trusted(&self) -> ClientOptions {
        ClientOptions { extra_roots: vec![self.certificate.clone()], ..ClientOptions::default() }
    }

    pub fn serves(&self, names: &[&str]) -> ServerConfig {
        self.serves_as(params(names))
    }

    /// Good until the end of 2001.
    pub fn served_once(&self, names: &[&str]) -> ServerConfig {
        let mut params = params(names);
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2001, 12, 31);
        self.serves_as(params)
    }

    /// Good from the year 3000 on.
    pub fn will_serve(&self, names: &[&str]) -> ServerConfig {
        let mut params = params(names);
        params.not_before = date_time_ymd(3000, 1, 1);
        self.serves_as(params)
    }

    fn serves_as(&self, params: CertificateParams) -> ServerConfig {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        config(certificate.der().clone(), &key)
    }

    /// Asks its clients for a certificate, which ours never has.
    pub fn serves_known_clients(&self, names: &[&str]) -> ServerConfig {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(names).signed_by(&key, &self.issuer).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("an authority");
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder()
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(vec![certificate.der().clone()], private(&key))
            .expect("a certificate")
    }
}

/// Signed by nobody but itself.
pub fn serves_self_signed(names: &[&str]) -> ServerConfig {
    let key = KeyPair::generate().expect("a key");
    let certificate = params(names).self_signed(&key).expect("a certificate");
    config(certificate.der().clone(), &key)
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).expect("good names")
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()))
}

type WantsVerifier = tokio_rustls::rustls::WantsVerifier;

fn builder() -> tokio_rustls::rustls::ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
}

fn config(certificate: CertificateDer<'static>, key: &KeyPair) -> ServerConfig {
    builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], private(key))
        .expect("a certificate")
}

impl Line for TlsStream<TcpStream> {
    fn will_reset(&self) -> io::Result<()> {
        self.get_ref().0.will_reset()
    }
}

impl Receiver {
    /// Over TLS; what does not shake hands is not counted as a connection.
    pub async fn start_tls(config: ServerConfig, script: &[Behaviour]) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let receiver = Receiver::at(listener.local_addr().expect("an address"), script);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let accepting = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, receiver) = (acceptor.clone(), accepting.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        receiver.connected(stream);
                    }
                });
            }
        });
        receiver
    }
}
