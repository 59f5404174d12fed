//! An operator looks at a gateway from outside: alive, not ready and why, ready, and what was counted.
#![allow(clippy::unwrap_used, reason = "tests state what must hold")]

use std::io::{Read, Write};
use std::net::SocketAddr;

use super::metrics::{Face, MAX_RULES, OTHER, Outcome, Stage};
use super::*;

async fn get(address: SocketAddr, request: &'static str) -> String {
    tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: operations\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn an_operator_sees_why_the_gateway_is_not_ready_and_when_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (metrics, health) = (Metrics::new(), Arc::new(Health::default()));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(serve(
        listener,
        metrics.clone(),
        Arc::clone(&health),
        async move {
            let _gone = stopped.await;
        },
    ));

    assert!(
        get(address, "GET /healthz")
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert!(
        get(address, "GET /readyz")
            .await
            .starts_with("HTTP/1.1 503")
    );
    health.heal("start");
    health.fail("bundle", "signature does not fit keys/bundle.pub");
    let answer = get(address, "GET /readyz").await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("keys/bundle.pub"),
        "{answer}"
    );
    health.heal("bundle");
    assert!(
        get(address, "GET /readyz")
            .await
            .starts_with("HTTP/1.1 200")
    );

    metrics.request(Face::Outside, "send", Outcome::Relayed);
    let answer = get(address, "GET /metrics").await;
    let line = r#"sluice_requests_total{operation="send",face="outside",outcome="relayed"} 1"#;
    assert!(answer.contains(line), "{answer}");
    assert!(
        get(address, "GET /_matrix/key/v2/server")
            .await
            .starts_with("HTTP/1.1 404")
    );
    assert!(
        get(address, "POST /metrics")
            .await
            .starts_with("HTTP/1.1 405")
    );

    stop.send(()).unwrap();
    serving.await.unwrap();
}

#[test]
fn every_series_is_exposed_by_name() {
    let metrics = Metrics::new();
    metrics.event("high->low", "redact", "dlp.iban");
    metrics.refused("protocol.peer.foreign_ca");
    metrics.stage(Stage::Judge, Duration::from_micros(300));
    metrics.audit_sync(Duration::from_millis(2), 50);
    metrics.bundle("old");
    metrics.bundle("abc");
    let under_way = metrics.in_flight(Face::Inside);
    let text = metrics.encode().unwrap();
    for line in [
        r#"sluice_events_total{link="high->low",verdict="redact",rule="dlp.iban"} 1"#,
        r#"sluice_refused_total{rule="protocol.peer.foreign_ca"} 1"#,
        r#"sluice_stage_seconds_count{stage="judge"} 1"#,
        "sluice_audit_sync_seconds_count 1",
        "sluice_audit_batch_sum 50.0",
        r#"sluice_in_flight{face="inside"} 1"#,
        r#"sluice_bundle{id="abc"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    assert!(!text.contains(r#"id="old""#));
    drop(under_way);
    assert!(
        metrics
            .encode()
            .unwrap()
            .contains(r#"sluice_in_flight{face="inside"} 0"#)
    );
}

#[test]
fn nothing_from_outside_becomes_a_label_value() {
    let metrics = Metrics::new();
    metrics.event("high->low", "drop", "rego.House!canary:high.test");
    metrics.refused("$Canary event id");
    for number in 0..MAX_RULES * 2 {
        metrics.refused(&format!("rego.careless.rule{number}"));
    }
    let text = metrics.encode().unwrap();
    assert!(!text.to_lowercase().contains("canary"), "{text}");
    let series = text.matches("sluice_refused_total{").count();
    assert_eq!(
        series,
        MAX_RULES + 1,
        "each rule up to the cap, and one for all others"
    );
    assert!(text.contains(&format!(r#"rule="{OTHER}""#)));
}
