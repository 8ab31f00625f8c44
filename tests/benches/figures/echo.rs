//! What HTTP costs by itself: a server of the kind the relay's is, that answers with what it gets.

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;

use crate::process::{say, wait_for_the_end};

/// Serves on a free loopback port, says its address, and ends with its input.
pub fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0");
        let listener = listener.await.expect("a free port");
        say(&listener.local_addr().expect("an address").to_string());
        let routes = Router::new().route("/", post(|body: Bytes| async { body }));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let _ended = tokio::task::spawn_blocking(wait_for_the_end).await;
    });
}
