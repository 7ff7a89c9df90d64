//! An answer that never arrives.

use std::io;

use axum::body::Body;
use axum::response::Response;

/// A response whose body fails before its first byte. The server then closes the connection without having sent
/// anything, not even a status line: the client sees a connection that broke after its request was read.
pub(crate) fn lost_answer() -> Response {
    let broken = futures_util::stream::once(async {
        Err::<Vec<u8>, _>(io::Error::new(io::ErrorKind::ConnectionAborted, "the answer is lost on purpose"))
    });
    Response::new(Body::from_stream(broken))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use axum::Router;
    use axum::routing::post;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn the_connection_is_closed_at_once_without_a_byte() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().nest("/sim", Router::new().route("/lost", post(|| async { lost_answer() })));
        let server = tokio::spawn(async move { axum::serve(listener, app).await });

        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = b"POST /sim/lost HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nhi";
        connection.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), connection.read_to_end(&mut answer)).await;
        assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?} {}", String::from_utf8_lossy(&answer));
        server.abort();
    }
}
