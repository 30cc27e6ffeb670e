//! API Gateway: hands each request to the functions with the context that its HTTP API gives (payload format 2.0).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use serde_json::json;
use shared::clock::Clock;
use tokio::net::TcpListener;

use crate::part::Stop;
use crate::{StartError, aws};

/// The largest body that API Gateway takes (its quotas for HTTP APIs).
const LARGEST_BODY: usize = 10 * 1024 * 1024;
/// Lets a test be many clients. Only the local cloud knows it: on AWS the address is the connection's.
const SOURCE_IP: &str = "x-local-source-ip";

/// Listens on a port of loopback; 0 takes any free one.
pub(crate) async fn bind(port: u16) -> Result<(TcpListener, String), StartError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => StartError::PortTaken(port),
        _ => StartError::Port(port, error),
    })?;
    let address = listener.local_addr().map_err(|error| StartError::Port(port, error))?;
    Ok((listener, format!("http://{address}")))
}

/// The functions' router behind API Gateway.
pub(crate) fn router(api: Router, clock: Clock) -> Router {
    api.layer(from_fn_with_state(clock, hand_over))
}

/// Serves until told to stop; requests in work are finished.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: Stop) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stop.asked()).await {
        tracing::error!(%error, "the gateway stopped");
    }
}

async fn hand_over(
    State(clock): State<Clock>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        let refusal = json!({ "message": "Request Entity Too Large" });
        return (StatusCode::PAYLOAD_TOO_LARGE, Json(refusal)).into_response();
    };
    let claimed = parts.headers.remove(SOURCE_IP).and_then(|it| it.to_str().ok()?.parse::<IpAddr>().ok());
    let mut context = context(&parts, claimed.unwrap_or(peer.ip()));
    context.time_epoch = clock.now().as_millisecond();
    parts.extensions.insert(RequestContext::ApiGatewayV2(context));
    next.run(Request::from_parts(parts, Body::from(body))).await
}

fn context(parts: &Parts, source: IpAddr) -> ApiGatewayV2httpRequestContext {
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.route_key = Some("$default".to_owned());
    context.stage = Some("$default".to_owned());
    context.account_id = Some(aws::ACCOUNT.to_owned());
    context.request_id = Some(aws::new_id());
    context.domain_name = text(&parts.headers, header::HOST);
    context.http.method = parts.method.clone();
    context.http.path = Some(parts.uri.path().to_owned());
    context.http.protocol = Some(format!("{:?}", parts.version));
    context.http.source_ip = Some(source.to_string());
    context.http.user_agent = text(&parts.headers, header::USER_AGENT);
    context
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|it| it.to_str().ok()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::routing::any;
    use tower::ServiceExt;

    use super::*;

    async fn call(request: axum::http::request::Builder, body: Vec<u8>) -> (StatusCode, String) {
        let tell = any(|request: Request| async move {
            let Some(RequestContext::ApiGatewayV2(it)) = request.extensions().get() else {
                return String::new();
            };
            let http = &it.http;
            format!("{} {} {}", http.method, http.path.clone().unwrap(), http.source_ip.clone().unwrap())
        });
        let router = router(Router::new().fallback(tell), Clock::system());
        let peer = ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 50000)));
        let response = router.oneshot(request.extension(peer).body(Body::from(body)).unwrap()).await.unwrap();
        let (status, body) = (response.status(), to_bytes(response.into_body(), 1000).await.unwrap());
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_request_comes_with_what_api_gateway_knows_of_it() {
        let (_, told) = call(Request::put("/users/1?x=y"), Vec::new()).await;
        assert_eq!(told, "PUT /users/1 127.0.0.1");
    }

    #[tokio::test]
    async fn a_test_may_be_another_client() {
        let (_, told) = call(Request::get("/").header(SOURCE_IP, "2001:db8::7"), Vec::new()).await;
        assert_eq!(told, "GET / 2001:db8::7");
    }

    #[tokio::test]
    async fn a_body_over_ten_megabytes_does_not_reach_a_function() {
        assert_eq!(call(Request::post("/"), vec![0; LARGEST_BODY]).await.0, StatusCode::OK);
        let (status, told) = call(Request::post("/"), vec![0; LARGEST_BODY + 1]).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(told, r#"{"message":"Request Entity Too Large"}"#);
    }
}
