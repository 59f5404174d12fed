//! An operator tells her running gateway to read its files again.

use std::sync::Arc;

use sluice::admin::{AdminAnswer, AdminHandler, AdminRequest, AdminSocket};

use crate::operator::Operator;

/// A running gateway that takes a reload, or has found mistakes.
struct Running {
    takes: bool,
}

impl AdminHandler for Running {
    async fn handle(&self, _: &sluice::admin::Operator, request: AdminRequest) -> AdminAnswer {
        assert_eq!(request, AdminRequest::Reload {});
        if self.takes {
            return AdminAnswer::done("reloaded: 1 peer");
        }
        AdminAnswer::refused(
            "nothing was changed",
            vec!["peers/low.json: is not strict JSON".to_owned()],
        )
    }
}

async fn reload(operator: &Arc<Operator>, args: &'static [&'static str]) -> crate::operator::Done {
    let operator = Arc::clone(operator);
    tokio::task::spawn_blocking(move || operator.command(args))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_running_gateway_is_told_to_reload_and_says_how_it_went() {
    let high = Arc::new(Operator::with_gateway("high"));
    let none = reload(&high, &["reload"]).await;
    assert_eq!(none.code, 3, "{none:?}");
    assert!(
        none.stderr.contains("no gateway answers at") && none.stderr.contains("sluice run"),
        "{none:?}"
    );

    for (takes, code) in [(true, 0), (false, 1)] {
        let socket = AdminSocket::bind(&high.file("state/admin.sock")).unwrap();
        let serving =
            tokio::spawn(socket.serve(Arc::new(Running { takes }), std::future::pending()));
        let done = reload(&high, &["reload"]).await;
        assert_eq!(done.code, code, "{done:?}");
        let json = reload(&high, &["reload", "--json"]).await.json();
        assert_eq!(json["ok"], takes);
        if !takes {
            assert!(
                done.stderr.contains("peers/low.json: is not strict JSON"),
                "{done:?}"
            );
        }
        serving.abort();
        let _aborted = serving.await;
    }
}
