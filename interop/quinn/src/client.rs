use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, EndpointConfig, TokioRuntime, VarInt,
    crypto::rustls::QuicClientConfig,
};
use rustls::{
    DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

use crate::{
    ALPN, BODY_BYTES_MAX, Options, Outcome, VERSION_DRAFT, closing, digest, pattern, provider,
    raw_keys::{self, Pinned},
};

/// Verifies, and counts how often it was asked to: a resumed handshake shows no certificate, which is how one is told here.
#[derive(Debug)]
struct Counting {
    verifier: Arc<WebPkiServerVerifier>,
    asked: Arc<AtomicUsize>,
}

impl ServerCertVerifier for Counting {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.verifier.verify_server_cert(end, chain, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

struct Asker {
    options: Options,
    endpoint: Endpoint,
    security: Arc<QuicClientConfig>,
    /// How often a certificate was shown.
    asked: Arc<AtomicUsize>,
}

pub async fn run(options: Options) -> Outcome {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut security = security(&options, asked.clone())?;
    security.alpn_protocols = vec![ALPN.to_vec()];
    let security = Arc::new(QuicClientConfig::try_from(security)?);
    let mut own = EndpointConfig::default();
    own.supported_versions(vec![1, VERSION_DRAFT]);
    let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let endpoint = Endpoint::new(own, None, socket, Arc::new(TokioRuntime))?;
    let asker = Asker {
        options,
        endpoint,
        security,
        asked,
    };
    match asker.options.test.as_str() {
        "keyupdate" => asker.key_update().await?,
        "resume" => asker.resume().await?,
        "close" => asker.close().await?,
        "version" => asker.version().await?,
        "migrate" => asker.migrate().await?,
        _ => asker.simple().await?,
    }
    asker.endpoint.wait_idle().await;
    println!(r#"{{"ok":true}}"#);
    Ok(())
}

fn security(options: &Options, asked: Arc<AtomicUsize>) -> Outcome<rustls::ClientConfig> {
    let provider = provider(&options.groups);
    let builder = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous();
    if !options.raw_key.is_empty() {
        let own = Arc::new(AlwaysResolvesClientRawPublicKeys::new(raw_keys::own(
            options, &provider,
        )?));
        return Ok(builder
            .with_custom_certificate_verifier(Pinned::new(options, provider)?)
            .with_client_cert_resolver(own));
    }
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&options.ca)?)?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
    Ok(builder
        .with_custom_certificate_verifier(Arc::new(Counting { verifier, asked }))
        .with_no_client_auth())
}

impl Asker {
    async fn dial(&self, version: u32) -> Result<Connection, ConnectionError> {
        let mut config = ClientConfig::new(self.security.clone());
        config.version(version);
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, self.options.port));
        self.endpoint
            .connect_with(config, to, "localhost")
            .expect("the configuration is sound")
            .await
    }

    async fn simple(&self) -> Outcome {
        let connection = self.dial(1).await?;
        match self.options.test.as_str() {
            "upload" => put(&connection, self.options.bytes).await?,
            "datagrams" => echo(&connection, self.options.bytes).await?,
            "streams" => parallel(&connection, self.options.bytes).await?,
            _ => get(&connection, self.options.bytes).await?,
        }
        connection.close(VarInt::from_u32(0), b"");
        Ok(())
    }

    /// To another socket, while a transfer goes on.
    async fn migrate(&self) -> Outcome {
        let connection = self.dial(1).await?;
        let getting = tokio::spawn({
            let (connection, bytes) = (connection.clone(), self.options.bytes);
            async move { get(&connection, bytes).await }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.endpoint
            .rebind(UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?)?;
        getting.await??;
        get(&connection, 1000).await?;
        connection.close(VarInt::from_u32(0), b"");
        Ok(())
    }

    async fn key_update(&self) -> Outcome {
        let connection = self.dial(1).await?;
        get(&connection, 1000).await?;
        for _ in 0..2 {
            connection.force_key_update();
            get(&connection, self.options.bytes).await?;
        }
        connection.close(VarInt::from_u32(0), b"");
        Ok(())
    }

    async fn resume(&self) -> Outcome {
        for _ in 0..2 {
            let connection = self.dial(1).await?;
            get(&connection, 1000).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
            connection.close(VarInt::from_u32(0), b"");
        }
        match self.asked.load(Ordering::Relaxed) {
            1 => Ok(()),
            _ => Err("the session was not resumed".into()),
        }
    }

    async fn close(&self) -> Outcome {
        let connection = self.dial(1).await?;
        get(&connection, 1000).await?;
        connection.close(VarInt::from_u32(42), b"enough");
        let connection = self.dial(1).await?;
        if ask(&connection, "GET /close/43", b"").await.is_ok() {
            return Err("an answer instead of a close".into());
        }
        match closing(&connection.closed().await) {
            ("application", 43, reason) if reason == "asked to" => Ok(()),
            other => Err(format!("closed with {other:?}").into()),
        }
    }

    /// quinn gives up when its version is refused, and leaves the next try to its user.
    async fn version(&self) -> Outcome {
        match self.dial(VERSION_DRAFT).await {
            Err(ConnectionError::VersionMismatch) => self.simple().await,
            other => Err(format!("instead of a refusal of the version: {:?}", other.err()).into()),
        }
    }
}

async fn ask(connection: &Connection, line: &str, body: &[u8]) -> Outcome<Vec<u8>> {
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(&[line.as_bytes(), b"\r\n", body].concat()).await?;
    send.finish()?;
    Ok(receive.read_to_end(BODY_BYTES_MAX).await?)
}

async fn get(connection: &Connection, length: usize) -> Outcome {
    match ask(connection, &format!("GET /{length}"), b"").await? == pattern(length) {
        true => Ok(()),
        false => Err("the answer is not what was asked for".into()),
    }
}

async fn put(connection: &Connection, length: usize) -> Outcome {
    let body = pattern(length);
    match ask(connection, &format!("PUT /{length}"), &body).await? == digest(&body).as_bytes() {
        true => Ok(()),
        false => Err("the digest is another".into()),
    }
}

/// Each datagram has to come back; one that does not for a while may have been lost.
async fn echo(connection: &Connection, length: usize) -> Outcome {
    for n in 0..20 {
        let mut datagram = pattern(length);
        datagram[0] = n;
        echoed(connection, &datagram).await?;
    }
    Ok(())
}

async fn echoed(connection: &Connection, datagram: &[u8]) -> Outcome {
    for _ in 0..20 {
        connection.send_datagram(datagram.to_vec().into())?;
        let answer = tokio::time::timeout(Duration::from_millis(500), connection.read_datagram()).await;
        if let Ok(answer) = answer
            && answer?[..] == *datagram
        {
            return Ok(());
        }
    }
    Err("a datagram did not come back".into())
}

async fn parallel(connection: &Connection, length: usize) -> Outcome {
    let asked: Vec<_> = (0..100)
        .map(|_| {
            let connection = connection.clone();
            tokio::spawn(async move { get(&connection, length).await })
        })
        .collect();
    for answer in asked {
        answer.await??;
    }
    Ok(())
}
