// A QUIC client and server of quinn, behind the command line that all peers here share (interop/README.md).
mod client;
mod raw_keys;
mod server;

use std::{error::Error, process::ExitCode, sync::Arc};

use quinn::ConnectionError;
use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

pub const ALPN: &[u8] = b"hq-interop";
/// A draft: rustls has keys for no other version but 1, so quinn can offer no other. No peer here speaks it.
pub const VERSION_DRAFT: u32 = 0xff00_001d;
pub const BODY_BYTES_MAX: usize = 64 << 20;

#[derive(Clone, Default)]
pub struct Options {
    pub role: String,
    pub port: u16,
    pub cert: String,
    pub key: String,
    pub ca: String,
    pub groups: String,
    pub test: String,
    pub retry: bool,
    pub refuse_v1: bool,
    pub bytes: usize,
    pub raw_key: String,
    pub raw_peer: String,
}

/// What every peer answers with: the bytes 0 to 250, again and again.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..=250u8).cycle().take(length).collect()
}

pub fn digest(bytes: &[u8]) -> String {
    let provider = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256
        .tls13()
        .expect("a TLS 1.3 suite");
    let hash = provider.common.hash_provider.hash(bytes);
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The cryptography, restricted to the groups named.
pub fn provider(groups: &str) -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = match groups {
        "x25519" => vec![aws_lc_rs::kx_group::X25519],
        "p256" => vec![aws_lc_rs::kx_group::SECP256R1],
        "hybrid" => vec![aws_lc_rs::kx_group::X25519MLKEM768],
        _ => provider.kx_groups,
    };
    Arc::new(provider)
}

/// Kind, code and reason of an ending.
pub fn closing(error: &ConnectionError) -> (&'static str, u64, String) {
    match error {
        ConnectionError::ApplicationClosed(close) => (
            "application",
            close.error_code.into_inner(),
            String::from_utf8_lossy(&close.reason).into(),
        ),
        ConnectionError::ConnectionClosed(close) => (
            "transport",
            close.error_code.into(),
            String::from_utf8_lossy(&close.reason).into(),
        ),
        ConnectionError::TransportError(error) => ("transport", error.code.into(), error.reason.clone()),
        other => ("other", 0, other.to_string()),
    }
}

fn options() -> Outcome<Options> {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options {
        bytes: 1000,
        ..Options::default()
    };
    options.role = arguments.next().unwrap_or_default();
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name} wants a value"));
        match name.as_str() {
            "--port" => options.port = value()?.parse()?,
            "--cert" => options.cert = value()?,
            "--key" => options.key = value()?,
            "--ca" => options.ca = value()?,
            "--groups" => options.groups = value()?,
            "--test" => options.test = value()?,
            "--bytes" => options.bytes = value()?.parse()?,
            "--raw-key" => options.raw_key = value()?,
            "--raw-peer" => options.raw_peer = value()?,
            "--retry" => options.retry = true,
            "--refuse-v1" => options.refuse_v1 = true,
            _ => return Err(format!("{name} is no option").into()),
        }
    }
    Ok(options)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let run = async {
        let options = options()?;
        match options.role.as_str() {
            "client" => client::run(options).await,
            "server" => server::run(options).await,
            _ => Err("client or server?".into()),
        }
    };
    match run.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
