//! Calls to other services.

/// A client for HTTP that follows no redirects, with the cryptography that the program has anyway.
pub fn http_client() -> reqwest::ClientBuilder {
    // Whoever was first has set the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).user_agent("skoledok")
}
