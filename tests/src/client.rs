//! Somebody who calls the API.

use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Answer;

/// A client with an address and a user agent of its own.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    /// The address that it calls from.
    pub address: String,
    user_agent: String,
    token: Option<String>,
    /// The refresh token that came with the last sign-in.
    pub refresh_token: String,
}

impl Client {
    /// A client of the system at `url`.
    pub(crate) fn new(url: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let [_, a, b, c] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let address = format!("10.{a}.{b}.{c}");
        Self {
            http: reqwest::Client::new(),
            url: url.to_owned(),
            address,
            user_agent: "tests".to_owned(),
            token: None,
            refresh_token: String::new(),
        }
    }

    /// The same client, signed in.
    ///
    /// # Panics
    /// When the sign-in is refused.
    pub async fn signed_in(mut self, email: &str, password: &str) -> Self {
        let answer = self.login(email, password).await.expect(200);
        self.take_tokens(&answer);
        self
    }

    /// Uses the tokens of `answer` from now on.
    pub fn take_tokens(&mut self, answer: &Value) {
        self.token = answer["access_token"].as_str().map(str::to_owned);
        self.refresh_token = answer["refresh_token"].as_str().map(str::to_owned).unwrap_or_default();
    }

    /// The same client with another access token, or none.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    /// The same client, which calls itself so.
    #[must_use]
    pub fn calling_itself(&self, user_agent: &str) -> Self {
        Self { user_agent: user_agent.to_owned(), ..self.clone() }
    }

    /// The access token.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// Where administrators find this account.
    pub async fn admin_path(&self) -> String {
        let me = self.get("/api/v1/auth/me").await.expect(200);
        format!("/api/v1/admin/users/{}", me["user_id"].as_str().unwrap_or_default())
    }

    /// Tries to sign in.
    pub async fn login(&self, email: &str, password: &str) -> Answer {
        self.post("/api/v1/auth/login", json!({ "email": email, "password": password })).await
    }

    /// Spends a refresh token.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.with_token(Some(token)).send(Method::POST, "/api/v1/auth/refresh", None).await
    }

    /// Sends a `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// Sends a `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Sends a `PUT` with a JSON body.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// Sends a `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Sends a request.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.request(method, path);
        Answer::of(if let Some(body) = body { request.json(&body) } else { request }).await
    }

    /// Sends a `POST` with a body of this content type.
    pub async fn post_file(&self, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", content_type);
        Answer::of(request.body(body.into())).await
    }

    /// A request to be completed.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request =
            request.header("x-local-source-ip", &self.address).header("user-agent", &self.user_agent);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}
