use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::Arc,
};

use quinn::{
    Connection, Endpoint, EndpointConfig, RecvStream, SendStream, ServerConfig, TokioRuntime, VarInt,
    crypto::rustls::QuicServerConfig,
};
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::AlwaysResolvesServerRawPublicKeys,
};
use tokio::io::AsyncReadExt;

use crate::{
    ALPN, BODY_BYTES_MAX, Options, Outcome, VERSION_DRAFT, closing, digest, pattern, provider,
    raw_keys::{self, Pinned},
};

pub async fn run(options: Options) -> Outcome {
    let mut security = security(&options)?;
    security.alpn_protocols = vec![ALPN.to_vec()];
    let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(security)?));
    let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)))?;
    let mut own = EndpointConfig::default();
    own.supported_versions(vec![if options.refuse_v1 { VERSION_DRAFT } else { 1 }]);
    let endpoint = Endpoint::new(own, Some(config), socket, Arc::new(TokioRuntime))?;
    println!(r#"{{"event":"listening","port":{}}}"#, endpoint.local_addr()?.port());
    tokio::spawn(async {
        let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
        std::process::exit(0);
    });
    while let Some(incoming) = endpoint.accept().await {
        if options.retry && !incoming.remote_address_validated() {
            incoming.retry()?;
            continue;
        }
        tokio::spawn(async move {
            match incoming.await {
                Ok(connection) => serve(connection).await,
                Err(error) => eprintln!("{error}"),
            }
        });
    }
    Ok(())
}

fn security(options: &Options) -> Outcome<rustls::ServerConfig> {
    let provider = provider(&options.groups);
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])?;
    if !options.raw_key.is_empty() {
        let own = Arc::new(AlwaysResolvesServerRawPublicKeys::new(raw_keys::own(
            options, &provider,
        )?));
        return Ok(builder
            .with_client_cert_verifier(Pinned::new(options, provider)?)
            .with_cert_resolver(own));
    }
    let chain = CertificateDer::pem_file_iter(&options.cert)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(&options.key)?;
    Ok(builder.with_no_client_auth().with_single_cert(chain, key)?)
}

async fn serve(connection: Connection) {
    println!(r#"{{"event":"connected"}}"#);
    tokio::spawn(echo_all(connection.clone()));
    loop {
        match connection.accept_bi().await {
            Ok((send, receive)) => {
                let connection = connection.clone();
                tokio::spawn(async move {
                    if let Err(error) = answer(connection, send, receive).await {
                        eprintln!("{error}");
                    }
                });
            }
            Err(error) => {
                let (kind, code, reason) = closing(&error);
                println!(
                    r#"{{"event":"closed","kind":"{kind}","code":{code},"reason":"{}"}}"#,
                    reason.escape_default()
                );
                return;
            }
        }
    }
}

/// Each datagram is answered with itself.
async fn echo_all(connection: Connection) {
    while let Ok(datagram) = connection.read_datagram().await {
        let _ = connection.send_datagram(datagram);
    }
}

/// GET /N is answered with N bytes of the pattern, PUT /N with the digest of what came; GET /close/N closes with that code.
async fn answer(connection: Connection, mut send: SendStream, mut receive: RecvStream) -> Outcome {
    let request = receive.read_to_end(BODY_BYTES_MAX).await?;
    let end = request
        .windows(2)
        .position(|pair| pair == b"\r\n")
        .ok_or("no request line")?;
    let line = str::from_utf8(&request[..end])?;
    let (method, path) = line.split_once(" /").ok_or("no path")?;
    if let Some(code) = path.strip_prefix("close/") {
        connection.close(VarInt::from_u32(code.parse()?), b"asked to");
        return Ok(());
    }
    let body = if method == "PUT" {
        digest(&request[end + 2..]).into_bytes()
    } else {
        pattern(path.parse()?)
    };
    send.write_all(&body).await?;
    send.finish()?;
    Ok(())
}
