//! What a client was answered.

use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::differences;

/// An answer: its status, headers and body.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub text: String,
}

impl Answer {
    /// Sends `request`.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the system answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.expect("the answer is text") }
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The body as JSON, the status being `status`.
    ///
    /// # Panics
    /// When the status is another one.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// The body as JSON, the status being `status` and the shape that of `example`.
    ///
    /// # Panics
    /// When the status or the shape is another one.
    #[track_caller]
    pub fn like(&self, status: u16, example: &Value) -> Value {
        let body = self.expect(status);
        assert_eq!(differences(example, &body), [""; 0], "{body}");
        body
    }

    /// The machine-readable code of a refusal with this status.
    #[track_caller]
    pub fn refused(&self, status: u16) -> String {
        let body = self.expect(status);
        let code = body.pointer("/error/code").and_then(Value::as_str);
        code.unwrap_or_default().to_owned()
    }

    /// The names of the fields that a 400 `VALIDATION_ERROR` names, each as often as it breaks a rule.
    ///
    /// # Panics
    /// When this is another answer.
    #[track_caller]
    pub fn invalid(&self) -> Vec<String> {
        assert_eq!(self.refused(400), "VALIDATION_ERROR");
        self.fields()
    }

    /// A header's value; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The names of the fields that a refusal names.
    pub fn fields(&self) -> Vec<String> {
        let body = self.json();
        let details = body.pointer("/details/data").or_else(|| body.pointer("/error/details"));
        let details = details.and_then(Value::as_array).cloned().unwrap_or_default();
        details.iter().filter_map(|detail| Some(detail["field"].as_str()?.to_owned())).collect()
    }

    /// How many calls the functions made to AWS for this.
    ///
    /// # Panics
    /// When the answer does not tell.
    pub fn calls(&self) -> u32 {
        self.cost("calls").parse().expect("calls are a whole number")
    }

    /// What the functions used for this, as `Server-Timing` tells it: `calls`, `rcu` or `wcu`.
    ///
    /// # Panics
    /// When the answer does not tell.
    pub fn cost(&self, unit: &str) -> &str {
        let timing = self.header("server-timing");
        let (_, rest) =
            timing.split_once(&format!("{unit}=")).unwrap_or_else(|| panic!("`{timing}` tells {unit}"));
        rest.split([' ', '"']).next().unwrap_or_default()
    }
}
