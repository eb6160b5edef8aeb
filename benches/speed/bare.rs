//! Bare poem handlers: the least that a service could do, to hold ours against.

use std::sync::{Arc, OnceLock};

use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::Data;
use poem::{Body, EndpointExt, IntoResponse, Response, Route, Server, get, handler, post};
use redis::aio::MultiplexedConnection;

/// The PDF that all of them return.
static PDF: OnceLock<bytes::Bytes> = OnceLock::new();

fn pdf(bytes: impl Into<Body>) -> Response {
    Response::builder().content_type("application/pdf").body(bytes)
}

#[handler]
fn from_memory() -> Response {
    pdf(PDF.get().cloned().unwrap_or_default())
}

/// Parses the JSON, hashes it, and returns the PDF from memory.
#[handler]
async fn parse_and_hash(body: Body) -> poem::Result<Response> {
    let bytes = body.into_bytes().await?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(poem::error::BadRequest)?;
    std::hint::black_box(blake3::hash(&bytes));
    std::hint::black_box(value);
    Ok(pdf(PDF.get().cloned().unwrap_or_default()))
}

#[handler]
async fn from_redis(connection: Data<&MultiplexedConnection>) -> poem::Result<Response> {
    let mut connection = connection.clone();
    let bytes: Vec<u8> =
        redis::cmd("GET").arg("bare").query_async(&mut connection).await.map_err(poem::error::BadGateway)?;
    Ok(pdf(bytes))
}

#[handler]
async fn set(connection: Data<&MultiplexedConnection>, body: Body) -> poem::Result<Response> {
    let bytes = body.into_bytes().await?;
    let mut connection = connection.clone();
    let () = redis::cmd("SET")
        .arg("bare")
        .arg(&bytes[..])
        .query_async(&mut connection)
        .await
        .map_err(poem::error::BadGateway)?;
    drop(PDF.set(bytes));
    Ok("".into_response())
}

/// Serves until killed; prints the address.
pub fn serve(redis: &str) {
    // As many threads as the service has (`server.threads`).
    let threads = std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        let client = redis::Client::open(redis).expect("a Redis URL");
        let connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
        let app = Route::new()
            .at("/memory", get(from_memory).post(parse_and_hash))
            .at("/redis", get(from_redis))
            .at("/set", post(set))
            .data(connection);
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.expect("a free port");
        let address = acceptor.local_addr().into_iter().find_map(|address| address.as_socket_addr().copied());
        println!("{}", address.expect("a listener has an address"));
        Server::new_with_acceptor(acceptor).run(Arc::new(app)).await.expect("the server runs");
    });
}
