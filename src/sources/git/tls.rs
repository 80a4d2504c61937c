//! Trust in a server whose authority is the user's own (`ca.crt`), which libgit2 can only learn for the whole process.
//!
//! libgit2 hands the certificate that the server showed to a callback, and nothing of the chain above it. It is checked
//! here with rustls against `ca.crt`; when intermediates are missing, they are learned from a handshake of our own
//! that itself trusts nothing but `ca.crt`. libgit2's handshake has proved that the server holds the certificate's key.

use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, ClientConnection, Error, RootCertStore};

const MAX_CERTIFICATES: usize = 1000;

/// Checks the certificate that `host` showed against the PEM bundle `ca`. The error says why it is not trusted.
pub fn check(leaf: &[u8], host: &str, port: u16, ca: &str, timeout: Duration) -> Result<(), String> {
    let name = ServerName::try_from(host.to_string()).map_err(|_| format!("{host:?} is not a host name"))?;
    let leaf = CertificateDer::from(leaf.to_vec());
    let bundle = parse(ca)?;
    // A self-signed server certificate given as it is: exactly this one, for exactly this name.
    if bundle.contains(&leaf) {
        let parsed = ParsedCertificate::try_from(&leaf).map_err(|e| words(&e))?;
        return verify_server_name(&parsed, &name).map_err(|e| words(&e));
    }
    let verifier = verifier(&bundle)?;
    let check = |between: &[CertificateDer<'_>]| verifier.verify_server_cert(&leaf, between, &name, &[], UnixTime::now());
    match check(&bundle) {
        Ok(_) => Ok(()),
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            let chain = chain_of(host, port, &name, verifier.clone(), timeout)?;
            if chain.first() == Some(&leaf) {
                return Ok(());
            }
            check(&chain).map(|_| ()).map_err(|e| words(&e))
        }
        Err(error) => Err(words(&error)),
    }
}

fn parse(ca: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(ca.as_bytes()).take(MAX_CERTIFICATES).collect();
    match certificates {
        Ok(list) if !list.is_empty() => Ok(list),
        Ok(_) => Err("ca.crt holds no certificate".into()),
        Err(_) => Err("ca.crt is not valid PEM".into()),
    }
}

fn verifier(bundle: &[CertificateDer<'static>]) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(bundle.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|_| "ca.crt holds no certificate that can sign others".into())
}

/// The chain that the server sends, learned by a handshake that is checked against the same authorities.
fn chain_of(
    host: &str,
    port: u16,
    name: &ServerName<'static>,
    verifier: Arc<WebPkiServerVerifier>,
    timeout: Duration,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let fail = |e: std::io::Error| match e.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => words(error),
        None => format!("{e}"),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| words(&e))?
        .with_webpki_verifier(verifier)
        .with_no_client_auth();
    let address = (host, port).to_socket_addrs().map_err(fail)?.next().ok_or("the host has no address")?;
    let mut socket = TcpStream::connect_timeout(&address, timeout).map_err(fail)?;
    socket.set_read_timeout(Some(timeout)).map_err(fail)?;
    socket.set_write_timeout(Some(timeout)).map_err(fail)?;
    let mut session = ClientConnection::new(Arc::new(config), name.clone()).map_err(|e| words(&e))?;
    while session.is_handshaking() {
        session.complete_io(&mut socket).map_err(fail)?;
    }
    Ok(session.peer_certificates().unwrap_or_default().iter().map(|c| c.clone().into_owned()).collect())
}

fn words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "it is not signed by an authority in ca.crt".into()
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => "it has expired".into(),
        Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            "it is for another host name".into()
        }
        other => other.to_string(),
    }
}
