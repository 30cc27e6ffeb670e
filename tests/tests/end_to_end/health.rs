//! `/api/v1/health`: every probe answers everybody, with the fields of its documented examples.

use serde_json::{Value, json};
use tests::System;

fn example(status: &str) -> Value {
    json!({
        "status": status,
        "timestamp": "2024-01-15T15:00:00Z",
        "environment": "production",
        "service": "user-management-api",
        "version": "1.0.0",
    })
}

#[tokio::test]
async fn it_is_up_and_ready_with_and_without_a_prefix() {
    let system = System::start().await;
    let health = ["/health", "/health/", "/v1/health", "/api/v1/health"].map(|path| (path, "healthy"));
    let ready =
        ["/ready", "/health/ready", "/v1/health/ready", "/api/v1/health/ready"].map(|path| (path, "ready"));
    for (path, status) in health.into_iter().chain(ready) {
        let answer = system.anybody().get(path).await.like(200, &example(status));
        assert_eq!((&answer["status"], &answer["service"]), (&json!(status), &json!("user-management-api")));
    }
    let index = json!({ "status": "ok", "message": "User Management API is running", "version": "1.0.0" });
    assert_eq!(system.anybody().get("/").await.expect(200), index);
}

#[tokio::test]
async fn health_also_tells_uptime_and_checks() {
    let system = System::start().await;
    let mut example = example("healthy");
    (example["uptime_seconds"], example["checks"]) = (json!(3600.5), json!({}));
    system.anybody().get("/api/v1/health").await.like(200, &example);
}

#[tokio::test]
async fn the_details_are_told_as_documented() {
    let system = System::start().await;
    let mut example = example("healthy");
    example["uptime_seconds"] = json!(3600.5);
    example["checks"] = json!({
        "api": { "status": "healthy", "message": "API is operational" },
        "database": { "status": "healthy", "message": "Database connection available" },
        "memory": { "status": "healthy", "usage_percent": 45.2, "available_mb": 2048.5 },
        "cpu": { "status": "healthy", "usage_percent": 12.3 },
        "disk": { "status": "healthy", "usage_percent": 23.1 },
        "configuration": { "status": "passed", "checks": [{ "status": "passed" }] },
    });
    let answer = system.anybody().get("/api/v1/health/detailed").await.like(200, &example);
    assert_eq!(answer["checks"]["database"], example["checks"]["database"]);
    assert_eq!(answer["checks"]["api"], example["checks"]["api"]);
}

#[tokio::test]
async fn metrics_and_logs_are_told_to_auditors_only() {
    let system = System::start().await;
    let person = system.user("user@example.com").await;
    for other in [system.anybody(), person.with_token(Some("no.good.token")), person] {
        let answer = other.get("/api/v1/health/detailed").await.expect(200);
        assert!(answer.get("metrics").is_none() && answer.get("logs").is_none(), "{answer}");
    }
    let auditor = system.with_role("auditor@example.com", "auditor").await;
    system.drain().await;
    let example = json!({
        "health": { "status": "healthy", "timestamp": "2024-01-15T15:00:00Z", "uptime_seconds": 1.5, "checks": {} },
        "metrics": {
            "requests_per_minute": 1.5, "active_connections": 1, "error_rate": 0.5, "average_response_time": 1.5,
        },
        "logs": [{ "event_type": "user.login", "timestamp": "2024-01-15T15:00:00Z" }],
    });
    for reader in [auditor, system.admin().await] {
        reader.get("/api/v1/health/detailed").await.like(200, &example);
    }
}

#[tokio::test]
async fn the_database_and_the_machine_are_told_as_documented() {
    let system = System::start().await;
    let database = json!({
        "status": "healthy",
        "timestamp": "2024-01-15T15:00:00Z",
        "database_type": "DynamoDB",
        "connected": true,
        "response_time_ms": 45.2,
    });
    let answer = system.anybody().get("/api/v1/health/db").await.like(200, &database);
    assert_eq!((&answer["database_type"], &answer["connected"]), (&json!("DynamoDB"), &json!(true)));
    let machine = json!({
        "status": "healthy",
        "timestamp": "2024-01-15T15:00:00Z",
        "cpu_usage_percent": 12.3,
        "memory_usage_percent": 45.2,
        "disk_usage_percent": 23.1,
        "available_memory_mb": 2048.5,
    });
    system.anybody().get("/api/v1/health/system").await.like(200, &machine);
}
