//! A local cloud as a whole: started, called through its SDK clients and its gateway, stopped, started again.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use shared::App;
use shared::chain::{ChainId, Kept};
use shared::checkpoint::Removal;
use shared::event::{Event, EventType, Origin};
use shared::id::TenantId;
use shared::session::Device;
use shared::store::count_events;
use shared::store::key::Key;
use shared::stream::Consumer as _;
use shared::tally::Tally;
use stream_audit::AuditTrail;

use super::*;
use crate::directory::Scratch;

fn keeping(scratch: &Scratch) -> Settings {
    Settings { data: scratch.data(), ..Settings::default() }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn refused(settings: Settings) -> String {
    start(settings).await.err().expect("the start is refused").to_string()
}

#[tokio::test]
async fn a_start_on_the_same_directory_finds_the_data() {
    let scratch = Scratch::new();
    let local = start(keeping(&scratch)).await.unwrap();
    let view = local.services.view();
    let put = view.dynamodb.put_item().table_name(&view.table).item("PK", text("A")).item("SK", text("B"));
    put.send().await.unwrap();
    local.stop().await;

    let local = start(keeping(&scratch)).await.unwrap();
    let view = local.services.view();
    let found = view.dynamodb.get_item().table_name(&view.table).key("PK", text("A")).key("SK", text("B"));
    assert!(found.send().await.unwrap().item.is_some());
    local.stop().await;
}

#[tokio::test]
async fn the_first_administrator_is_told_once() {
    let scratch = Scratch::new();
    let admin = Some(Admin { email: "admin@example.com".into(), password: None });
    let settings = Settings { admin, ..keeping(&scratch) };
    let local = start(settings.clone()).await.unwrap();
    assert!(local.admin.as_ref().unwrap().password.is_some());
    local.stop().await;
    let local = start(settings).await.unwrap();
    assert!(local.admin.is_none());
    local.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_told_in_one_sentence() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let sentence = refused(Settings { port, ..Settings::default() }).await;
    assert!(sentence.starts_with(&format!("port {port} is taken: stop what listens there")), "{sentence}");
}

#[tokio::test]
async fn a_directory_in_use_is_told_in_one_sentence() {
    let scratch = Scratch::new();
    let local = start(keeping(&scratch)).await.unwrap();
    let sentence = refused(keeping(&scratch)).await;
    assert!(sentence.contains("is in use by another process: stop that one"), "{sentence}");
    local.stop().await;
}

#[tokio::test]
async fn damaged_tables_are_told_in_one_sentence() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path()).unwrap();
    std::fs::write(scratch.path().join("tables.sqlite"), [7; 8192]).unwrap();
    let sentence = refused(keeping(&scratch)).await;
    assert!(sentence.contains("tables.sqlite` is damaged") && sentence.contains("begin anew"), "{sentence}");
}

#[tokio::test]
async fn a_dynamodb_that_does_not_answer_is_told_in_one_sentence() {
    // Nobody listens at the port of the discard protocol, and nobody is given it.
    let endpoint = "http://127.0.0.1:9".to_owned();
    let sentence =
        refused(Settings { dynamodb_endpoint: Some(endpoint.clone()), ..Settings::default() }).await;
    assert!(
        sentence.contains(&endpoint) && sentence.contains("unset AWS_ENDPOINT_URL_DYNAMODB"),
        "{sentence}"
    );
}

#[tokio::test]
async fn many_run_side_by_side() {
    let clouds = futures::future::join_all((0..8).map(|_| start(Settings::default()))).await;
    let mut urls: Vec<_> = clouds.iter().map(|it| it.as_ref().unwrap().url.clone()).collect();
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), 8);
}

/// What stands where the records of a chain do.
async fn records_of(app: &App, chain: ChainId) -> Vec<Kept> {
    let kept = app.store.kept_records(&TenantId::default_tenant(), (chain, chain)).await.unwrap();
    kept.into_values().flatten().collect()
}

/// Has one thing happen, and its audit record written.
async fn happen(app: &App) -> ChainId {
    let device = Device { ip_address: "192.0.2.7".to_owned(), user_agent: "tests".to_owned() };
    let event = Event::new(EventType::UserLogin, &Origin::new("request".to_owned(), device), app.now());
    let (key, chain) = (app.keys.audit_key().await.unwrap(), ChainId::at(event.at));
    app.store.record_audit((&event.tenant, chain, key), &[&event], app.now()).await.unwrap();
    chain
}

#[tokio::test]
async fn what_is_gone_is_not_brought_again() {
    let local = start(Settings::default()).await.unwrap();
    let config = Settings::default().config(&local.url).unwrap();
    let app = App::new(config, Clock::system(), &local.services.aws);
    let event = Event::new(EventType::UserLogin, &Origin::new(String::new(), Device::default()), app.now());
    let key = Key::event(event.id);
    assert!(!app.store.bring_again(&key, app.now()).await.unwrap());
    app.store.tell(&event).await.unwrap();
    assert!(app.store.bring_again(&key, app.now()).await.unwrap());
    local.stop().await;
}

#[tokio::test]
async fn what_is_recorded_together_is_one_chain_a_day_and_there_once() {
    let local = start(Settings::default()).await.unwrap();
    let config = Settings::default().config(&local.url).unwrap();
    let app = App::new(config, Clock::system(), &local.services.aws);
    let (tenant, now) = (TenantId::default_tenant(), app.now());
    let origin = Origin::new(String::new(), Device::default());
    let event = |hours: i64| {
        let at = now + SignedDuration::from_hours(hours);
        Event::new(EventType::UserLogout, &origin, at)
    };
    // Two days, one event that comes twice, and one that was recorded before.
    let (old, mut events) = (event(-24), [-24, 0, -24, 0].map(event).to_vec());
    events.extend([events[1].clone(), old.clone()]);
    let trail = AuditTrail::new(app.clone());
    trail.consume(old.clone()).await.unwrap();
    for _ in 0..2 {
        trail.consume_together(events.clone()).await.unwrap();
        let days = [(old.at, [&events[0], &events[2]], 3), (now, [&events[1], &events[3]], 2)];
        for (day, news, number) in days {
            let kept = records_of(&app, ChainId::at(day)).await;
            let records: BTreeMap<_, _> =
                kept.iter().filter_map(|it| Some((it.id?, it.chained.as_ref()?.seq))).collect();
            assert_eq!(records.len(), number);
            assert!(news.iter().all(|event| records.contains_key(&event.id)), "{records:?}");
            assert_eq!(records.values().max(), Some(&(number as u64)));
        }
    }
    let counters = app.store.event_counters(&tenant, now, 1).await.unwrap();
    let counted = |tally: &Tally| count_events(tally, |it| it == EventType::UserLogout);
    assert_eq!((counted(&counters.ever), counters.days.iter().map(counted).collect()), (5, vec![2, 3]));
    local.stop().await;
}

#[tokio::test]
async fn a_day_of_the_audit_trail_goes_when_its_time_is_over_and_a_checkpoint_says_so() {
    let local = start(Settings::default()).await.unwrap();
    let (clock, tenant) = (MovableClock::at_noon(), TenantId::default_tenant());
    let config = Settings::default().config(&local.url).unwrap();
    let roles = Roles::of(&Deployment::of_this_system(&config).unwrap()).unwrap();
    let lambda = Lambda {
        config: &config,
        clock: &Clock::new(clock.clone()),
        endpoints: &local.services.endpoints,
        wire: aws::http_client(),
        roles: &roles,
        attempts: aws::ATTEMPTS,
    };
    // Each in its role.
    let ((writer, _), (app, _)) =
        (lambda.start("stream-audit").unwrap(), lambda.start("scheduled-cleanup").unwrap());
    let old = happen(&writer).await;
    clock.advance(400 * 86_400);
    let new = happen(&writer).await;
    app.remove_old_audit(&tenant).await.unwrap();
    assert_eq!(records_of(&app, old).await.len(), 1, "a day has its full time");
    clock.advance(86_400);
    let key = app.keys.audit_key().await.unwrap();
    for days in [1, 0] {
        let removal = app.remove_old_audit(&tenant).await.unwrap();
        assert_eq!(removal, Removal { days, left: false });
        assert!(records_of(&app, old).await.is_empty());
        let heads = app.store.audit_heads(key, &tenant, (old, new)).await.unwrap();
        let newest = app.store.newest_checkpoint(key, &tenant).await.unwrap().unwrap();
        assert_eq!((heads[&old].removed_by, heads[&new].removed_by), (Some(newest.place()), None));
        let removed = newest.open(key, &tenant).unwrap().removed;
        assert_eq!((newest.n, removed[0].chain, removed[0].seq), (1, old, 1));
    }
    // What comes too late finds the day closed, whatever the retention is by then.
    let late = Event::new(EventType::UserLogin, &Origin::new(String::new(), Device::default()), old.begins());
    writer.store.record_audit((&tenant, old, key), &[&late], writer.now()).await.unwrap();
    assert!(records_of(&app, old).await.is_empty());
    local.stop().await;
}
