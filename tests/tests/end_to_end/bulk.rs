//! Many accounts at once: each row for itself, and none twice.

use serde_json::{Value, json};
use tests::{ADMIN, NEW_PASSWORD, PASSWORD, System};

use super::bulk_operations::end;

pub(super) const CREATE: &str = "/api/v1/bulk/users/create";
const VALIDATE: &str = "/api/v1/bulk/users/validate";

pub(super) fn row(email: &str) -> Value {
    json!({ "email": email, "first_name": "John", "last_name": "Doe" })
}

pub(super) fn with(email: &str, field: &str, value: impl Into<Value>) -> Value {
    let mut row = row(email);
    row[field] = value.into();
    row
}

/// What the documents send.
fn request() -> Value {
    json!({
        "operation": "create_users",
        "items": [{
            "email": "candidate1@example.com",
            "first_name": "John",
            "last_name": "Doe",
            "phone": "+1234567890",
            "metadata": {
                "resume_id": "res_abc123",
                "skills": ["Python", "FastAPI"],
                "years_experience": 5,
            },
        }],
        "batch_size": 50,
        "fail_fast": false,
    })
}

/// What the documents answer.
pub(super) fn example(operation: &str) -> Value {
    json!({
        "operation_id": "bulk_abc123def456",
        "operation": operation,
        "total": 1,
        "successful": 1,
        "failed": 0,
        "skipped": 0,
        "errors": [],
        "duration_seconds": 0.85,
        "throughput_per_second": 1.18,
        "success_rate": 100.0,
    })
}

/// How many rows succeeded, failed and were skipped.
pub(super) fn counts(report: &Value) -> [u64; 3] {
    ["successful", "failed", "skipped"].map(|name| report[name].as_u64().unwrap())
}

/// Which rows failed, and why.
pub(super) fn errors(report: &Value) -> Vec<(u64, &str)> {
    let errors = report["errors"].as_array().unwrap().iter();
    errors.map(|error| (error["index"].as_u64().unwrap(), error["error_code"].as_str().unwrap())).collect()
}

/// A hash of [`PASSWORD`].
pub(super) async fn password_hash(system: &System) -> Value {
    system.credential(ADMIN).await["password_hash"].clone()
}

#[tokio::test]
async fn users_are_created_as_documented() {
    let system = System::start().await;
    let report = system.admin().await.post(CREATE, request()).await.like(200, &example("create_users"));
    assert!(report["operation_id"].as_str().unwrap().starts_with("bulk_"));
    for (field, value) in example("create_users").as_object().unwrap() {
        if !["operation_id", "duration_seconds", "throughput_per_second"].contains(&field.as_str()) {
            assert_eq!(&report[field], value, "{field}");
        }
    }
    let users = system.items("user").await;
    let user = users.iter().find(|user| user["email"] == "candidate1@example.com").unwrap();
    for field in ["first_name", "last_name", "phone", "metadata"] {
        assert_eq!(user[field], request()["items"][0][field], "{field}");
    }
    assert!(user["verified_at"].is_string() && user["approval"]["by"].is_string(), "{user}");
}

#[tokio::test]
async fn users_are_validated_as_documented_and_nothing_is_written() {
    let system = System::start().await;
    let admin = system.admin().await;
    let before = system.table().await;
    let report = admin.post(VALIDATE, request()).await.like(200, &example("validate_users"));
    assert!(report["operation_id"].as_str().unwrap().starts_with("bulk_val_"));
    let rows = [row(ADMIN), row("ada"), with("bob@example.com", "username", "bob"), row("BOB@example.com")];
    let report = admin.post(VALIDATE, json!({ "items": rows })).await.expect(200);
    assert_eq!((counts(&report), errors(&report)), ([1, 1, 2], vec![(1, "VALIDATION_ERROR")]));
    assert_eq!(system.table().await, before);
}

#[tokio::test]
async fn a_row_fails_alone_and_one_that_exists_is_passed_over() {
    let system = System::start().await;
    let admin = system.admin().await;
    let items = json!([
        row("a@example.com"),
        row("no address"),
        row("A@example.com "),
        row(ADMIN),
        with("b@example.com", "role", "super_admin"),
        with("c@example.com", "first_name", 7),
        with("d@example.com", "username", "taken"),
        with("e@example.com", "username", "taken"),
        with("f@example.com", "metadata", json!({ "n": 1e200 })),
        with("g@example.com", "password_hash", "5f4dcc3b5aa765d61d8327deb882cf99"),
        with("h@example.com", "role", "manager"),
        7,
    ]);
    let admin_user = system.with_role("admin@example.com", "admin").await;
    let report = admin_user.post(CREATE, json!({ "items": items })).await.expect(200);
    assert_eq!(counts(&report), [3, 7, 2]);
    let invalid = "VALIDATION_ERROR";
    assert_eq!(
        errors(&report),
        [
            (1, invalid),
            (4, "INSUFFICIENT_PERMISSIONS"),
            (5, "INVALID_REQUEST"),
            (7, "USERNAME_EXISTS"),
            (8, invalid),
            (9, invalid),
            (11, "INVALID_REQUEST")
        ]
    );
    assert_eq!(report["errors"][0]["email"], "no address");
    // Again: what is there is not made twice, and a user name that is another's costs its own row only.
    let again =
        json!([row("a@example.com"), with("i@example.com", "username", "taken"), row("j@example.com")]);
    let report = admin.post(CREATE, json!({ "items": again })).await.expect(200);
    assert_eq!((counts(&report), errors(&report)), ([1, 1, 1], vec![(1, "USERNAME_EXISTS")]));
    assert_eq!(system.items("user").await.len(), 2 + 4);
}

#[tokio::test]
async fn an_empty_file_or_a_wrong_option_is_a_400() {
    let system = System::start().await;
    let admin = system.admin().await;
    assert_eq!(admin.post(CREATE, json!({ "items": [] })).await.invalid(), ["items"]);
    for (field, value) in
        [("batch_size", json!(0)), ("batch_size", json!(1001)), ("operation", json!("delete"))]
    {
        let mut body = request();
        body[field] = value;
        assert_eq!(admin.post(CREATE, body).await.invalid(), [field]);
    }
    let mut body = request();
    body["operation"] = json!("validate_users");
    assert_eq!(
        admin.post(CREATE, body.clone()).await.invalid(),
        ["operation"],
        "nothing is created by mistake"
    );
    admin.post(VALIDATE, body).await.expect(200);
    let answer = admin.post_file(&format!("{CREATE}?fail_fast=1&batch_size=x"), "text/csv", "email\n").await;
    assert_eq!(answer.invalid(), ["first_name", "last_name"]);
    let answer =
        admin.post_file(&format!("{CREATE}?fail_fast=1&batch_size=x"), "application/x-ndjson", "").await;
    assert_eq!(answer.invalid(), ["fail_fast", "batch_size", "items"]);
}

#[tokio::test]
async fn fail_fast_stops_at_the_first_row_that_fails() {
    let system = System::start().await;
    let admin = system.admin().await;
    let taken = json!({ "items": [with("b@example.com", "username", "taken")] });
    admin.post(CREATE, taken).await.expect(200);
    for failing in [row("no address"), with("x@example.com", "username", "taken")] {
        let items = [row("a@example.com"), row("b@example.com"), failing, row("c@example.com")];
        let body = json!({ "items": items, "fail_fast": true });
        let report = admin.post(CREATE, body).await.expect(200);
        let done = counts(&report);
        assert!(done[1] == 1 && done.iter().sum::<u64>() == 3, "{report}");
        assert_eq!(
            [&report["state"], &report["total"], &report["errors"][0]["index"]],
            [&json!("failed"), &json!(4), &json!(2)]
        );
    }
    let addresses = [ADMIN, "a@example.com", "b@example.com"];
    let users = system.items("user").await;
    assert!(
        users.len() == 3 && users.iter().all(|user| addresses.contains(&user["email"].as_str().unwrap()))
    );
}

#[tokio::test]
async fn rows_come_as_json_lines_too() {
    let system = System::start().await;
    let lines =
        [row("a@example.com").to_string(), "nonsense".into(), "[7]".into(), row("b@example.com").to_string()];
    let file = [&b"\xef\xbb\xbf"[..], lines.join("\r\n").as_bytes(), b"\n\n{\"email\":\"\xff\"}\n"].concat();
    let report = system.admin().await.post_file(CREATE, "application/x-ndjson", file).await.expect(200);
    assert_eq!(counts(&report), [2, 3, 0]);
    assert_eq!(errors(&report), [(1, "INVALID_JSON"), (2, "INVALID_REQUEST"), (4, "INVALID_JSON")]);
}

#[tokio::test]
async fn rows_come_as_comma_separated_values_too() {
    let system = System::start().await;
    let file = "\u{feff}email,last_name,first_name,role,metadata,unknown\r\n\
        a@example.com,Doe,John,manager,\"{\"\"team\"\": [1]}\",x\r\n\
        b@example.com,Doe\r\n\
        c@example.com,Doe,John,,nonsense,\r\n\
        d@example.com,Doe,,,,\r\n";
    let report = system.admin().await.post_file(CREATE, "text/csv; charset=utf-8", file).await.expect(200);
    assert_eq!(counts(&report), [1, 3, 0]);
    assert_eq!(errors(&report), [(1, "INVALID_CSV"), (2, "INVALID_JSON"), (3, "INVALID_REQUEST")]);
    let users = system.items("user").await;
    let user = users.iter().find(|user| user["email"] == "a@example.com").unwrap();
    assert_eq!((&user["role"], &user["metadata"]), (&json!("manager"), &json!({ "team": [1] })));
}

#[tokio::test]
async fn a_stray_quote_costs_its_own_line_only() {
    let system = System::start().await;
    let file = "email,first_name,last_name\n\
        a@example.com,\"Ada,Doe\nb@example.com,Bob,Doe\nc@example.com,Cyd,Doe\n";
    let report = system.admin().await.post_file(CREATE, "text/csv", file).await.expect(200);
    assert_eq!((counts(&report), errors(&report)), ([2, 1, 0], vec![(0, "INVALID_CSV")]));
}

#[tokio::test]
async fn an_invitation_sets_the_password() {
    let system = System::start().await;
    system.admin().await.post(CREATE, request()).await.expect(200);
    let (person, email) = (system.anybody(), "candidate1@example.com");
    assert_eq!(person.login(email, PASSWORD).await.refused(401), "INVALID_CREDENTIALS");
    system.advance(6 * 86_400).await;
    let token = system.mailed_token(email, "rst_").await;
    let reset = json!({ "token": token, "new_password": NEW_PASSWORD });
    person.post("/api/v1/auth/reset-password", reset).await.expect(200);
    person.signed_in(email, NEW_PASSWORD).await.get("/api/v1/profile/me").await.expect(200);
}

#[tokio::test]
async fn a_password_comes_along_as_a_hash_and_invites_nobody() {
    let system = System::start().await;
    let email = "a@example.com";
    let items = [with(email, "password_hash", password_hash(&system).await)];
    system.admin().await.post(CREATE, json!({ "items": items })).await.expect(200);
    system.anybody().login(email, PASSWORD).await.expect(200);
    assert_eq!(system.mails(email).await, [json!(null); 0]);
}

#[tokio::test]
async fn a_hash_that_another_system_made_signs_in_and_is_then_hashed_as_ours_are() {
    let system = System::start().await;
    let email = "a@example.com";
    // Made with Python's `bcrypt`, of as little work as there is.
    let hash = "$2b$04$wvt4oum6rivozO8GTKMT6.Mdxgn7VHsJRbHBTYtC8QRUS4Stuc0jG";
    let items = [with(email, "password_hash", hash)];
    system.admin().await.post(CREATE, json!({ "items": items })).await.expect(200);
    assert_eq!(system.credential(email).await["password_hash"], hash);
    system.anybody().login(email, "Amélie 7 whales").await.expect(200);
    let ours = system.credential(email).await["password_hash"].to_string();
    assert!(ours.starts_with("\"$argon2id$v=19$m=19456,t=2,p=1$"), "{ours}");
}

#[tokio::test]
async fn a_table_that_fails_for_a_moment_costs_no_row() {
    let system = System::start().await;
    let admin = system.admin().await;
    system.drain().await;
    for kind in ["throttle", "error", "error_after_commit"] {
        let fault =
            json!({ "service": "dynamodb", "operation": "TransactWriteItems", "kind": kind, "count": 2 });
        system.order_fault(fault).await;
        let items: Vec<_> = (0..40).map(|it| row(&format!("{kind}{it}@example.com"))).collect();
        let report = admin.post(CREATE, json!({ "items": items })).await.expect(200);
        assert_eq!(counts(&report), [40, 0, 0], "{kind}");
        system.cancel_faults().await;
    }
    assert_eq!(system.items("user").await.len(), 1 + 3 * 40);
}

#[tokio::test]
async fn a_file_has_so_many_rows_and_no_more() {
    let system = System::start().await;
    let admin = system.admin().await;
    for (path, most) in [(CREATE, 100_000), (VALIDATE, 20_000)] {
        for (kind, row) in [("application/x-ndjson", "1\n"), ("text/csv", "a\n")] {
            let file = format!("email,first_name,last_name\n{}", row.repeat(most + 1));
            let answer = admin.post_file(path, kind, file).await;
            assert_eq!(answer.invalid(), ["items"], "{kind}");
            assert!(answer.text.contains(&most.to_string()), "{}", answer.text);
        }
        let items = vec![json!({}); most + 1];
        assert_eq!(
            admin.post_file(path, "application/json", json!({ "items": items }).to_string()).await.invalid(),
            ["items"]
        );
    }
}

#[tokio::test]
async fn a_thousand_errors_are_told_and_all_are_counted() {
    let system = System::start().await;
    let admin = system.admin().await;
    // As long as an address is shown, and of more octets than a page of the table has.
    let failing = json!({ "email": "\u{10348}".repeat(254) });
    let file = format!("{}{}", format!("{failing}\n").repeat(1_200), row("a@example.com"));
    let report = admin.post_file(VALIDATE, "application/x-ndjson", file.clone()).await.expect(200);
    let told = |report: &Value| {
        let first = errors(report).iter().map(|(index, _)| *index).eq(0..1_000);
        (counts(report), first, report["errors_left_out"].clone())
    };
    assert_eq!(told(&report), ([1, 1_200, 0], true, json!(200)));
    let answer = admin.post_file(CREATE, "application/x-ndjson", file).await;
    let report = end(&system, answer.header("location")).await;
    assert_eq!(told(&report), ([1, 1_200, 0], true, json!(200)));
}

#[tokio::test]
async fn a_row_stands_in_the_way_of_a_later_one_only_if_it_became_an_account() {
    let rows = [
        with(ADMIN, "username", "free"),
        with("a@example.com", "username", "free"),
        with("b@example.com", "username", "taken"),
        row("b@example.com"),
        row("B@example.com"),
        with("c@example.com", "username", "free"),
    ];
    let nonsense = vec![json!(7); 1_000];
    for (path, batch_size, behind) in
        [(CREATE, 31, [].as_slice()), (CREATE, 1, &[]), (CREATE, 31, &nonsense), (VALIDATE, 31, &[])]
    {
        let system = System::start().await;
        let admin = system.admin().await;
        let taken = json!({ "items": [with("d@example.com", "username", "taken")] });
        admin.post(CREATE, taken).await.expect(200);
        let items = [rows.as_slice(), behind].concat();
        let body = json!({ "items": items, "batch_size": batch_size });
        let answer = admin.post(path, body).await;
        let report = if answer.status == 202 {
            end(&system, answer.header("location")).await
        } else {
            answer.expect(200)
        };
        let [successful, failed, skipped] = counts(&report);
        let failed = failed - u64::try_from(behind.len()).unwrap();
        assert_eq!((successful, failed, skipped), (2, 2, 2), "{path} {batch_size}: {report}");
        assert_eq!(errors(&report)[..2], [(2, "USERNAME_EXISTS"), (5, "USERNAME_EXISTS")]);
        let users = system.items("user").await;
        let name =
            |email: &str| users.iter().find(|user| user["email"] == email).map(|it| it["username"].clone());
        let made = [name("a@example.com"), name("b@example.com")];
        let expected = [Some(json!("free")), Some(Value::Null)];
        assert_eq!(made, if path == CREATE { expected } else { [None, None] });
    }
}

#[tokio::test]
async fn more_than_a_hundred_transactions_are_worked_off_by_and_by() {
    let system = System::start().await;
    let admin = system.admin().await;
    for (rows, status) in [(100, 200), (101, 202)] {
        let body = json!({ "items": vec![json!({}); rows], "batch_size": 1 });
        let answer = admin.post(CREATE, body).await;
        let report = answer.expect(status);
        let (at, id) = ("/api/v1/bulk/operations/", report["operation_id"].as_str().unwrap());
        if status == 202 {
            assert_eq!(counts(&end(&system, &format!("{at}{id}")).await), [0, 101, 0]);
        } else {
            assert_eq!(admin.get(&format!("{at}{id}")).await.refused(404), "OPERATION_NOT_FOUND");
        }
    }
}

#[tokio::test]
async fn a_validation_of_many_rows_tells_them_in_order() {
    let system = System::start().await;
    let rows = |it: usize| match it % 100 {
        0 => "nonsense".to_owned(),
        1 => row(ADMIN).to_string(),
        _ => row(&format!("person{it}@example.com")).to_string(),
    };
    let file = |fail_fast: bool| {
        let path = format!("{VALIDATE}?fail_fast={fail_fast}");
        (path, (1..=1_000).map(rows).collect::<Vec<_>>().join("\n"))
    };
    let admin = system.admin().await;
    let (path, rows) = file(false);
    let report = admin.post_file(&path, "application/x-ndjson", rows).await.expect(200);
    let failed: Vec<_> = errors(&report).iter().map(|(index, _)| *index).collect();
    assert_eq!((counts(&report), failed), ([980, 10, 10], (1..=10).map(|it| it * 100 - 1).collect()));
    let (path, rows) = file(true);
    let report = admin.post_file(&path, "application/x-ndjson", rows).await.expect(200);
    assert_eq!((counts(&report), &report["state"]), ([98, 1, 1], &json!("failed")));
}
