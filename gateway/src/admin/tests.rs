//! An operator tells a running gateway to reload.
#![allow(clippy::unwrap_used, reason = "tests state what must hold")]

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A gateway that counts its reloads and refuses the second.
#[derive(Default)]
struct Gateway(AtomicUsize);

/// A gateway whose answers fill every buffer.
struct Talker;

impl AdminHandler for Talker {
    async fn handle(&self, _: &Operator, _: AdminRequest) -> AdminAnswer {
        AdminAnswer::done("x".repeat(4 * 1024 * 1024))
    }
}

impl AdminHandler for Gateway {
    async fn handle(&self, operator: &Operator, request: AdminRequest) -> AdminAnswer {
        assert_eq!(request, AdminRequest::Reload {});
        assert!(!operator.name.is_empty());
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => AdminAnswer::done("reloaded"),
            _ => AdminAnswer::refused(
                "nothing was changed",
                vec!["sluice.toml:3: zone: ...".to_owned()],
            ),
        }
    }
}

/// Starts a gateway's admin socket in a folder of its own.
fn start() -> (
    tempfile::TempDir,
    PathBuf,
    Arc<Gateway>,
    tokio::sync::oneshot::Sender<()>,
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let (gateway, (stop, stopped)) = (
        Arc::new(Gateway::default()),
        tokio::sync::oneshot::channel::<()>(),
    );
    let socket = AdminSocket::bind(&path).unwrap();
    tokio::spawn(socket.serve(Arc::clone(&gateway), async move {
        let _gone = stopped.await;
    }));
    (folder, path, gateway, stop)
}

async fn ask_reload(path: &Path) -> Result<AdminAnswer, AdminError> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || ask(&path, &AdminRequest::Reload {}))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_reload_is_asked_for_done_and_refused_with_its_mistakes() {
    let (_folder, path, gateway, stop) = start();
    assert_eq!(
        ask_reload(&path).await.unwrap(),
        AdminAnswer::done("reloaded")
    );
    let second = ask_reload(&path).await.unwrap();
    assert!(!second.ok && second.details.len() == 1, "{second:?}");
    assert_eq!(gateway.0.load(Ordering::SeqCst), 2);

    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    stop.send(()).unwrap();
    while path.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(matches!(
        ask_reload(&path).await,
        Err(AdminError::NotRunning { .. })
    ));
}

#[tokio::test]
async fn a_line_that_is_no_command_reaches_nobody() {
    let (_folder, path, gateway, _stop) = start();
    for line in [
        "{\"command\":\"format_disk\"}\n",
        "reload\n",
        "{\"command\":\"reload\",\"force\":true}\n",
    ] {
        let path = path.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
            stream.write_all(line.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        let answer: AdminAnswer = serde_json::from_str(&answer.await.unwrap()).unwrap();
        assert!(!answer.ok, "{line} was taken");
    }
    assert_eq!(gateway.0.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_dead_gateways_socket_is_replaced_a_living_ones_and_a_file_are_not() {
    let (folder, path, _gateway, _stop) = start();
    assert_eq!(
        AdminSocket::bind(&path).unwrap_err().kind(),
        io::ErrorKind::AddrInUse
    );

    let dead = folder.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    assert!(dead.exists());
    AdminSocket::bind(&dead).unwrap();

    let file = folder.path().join("precious");
    fs::write(&file, "do not remove").unwrap();
    assert_eq!(
        AdminSocket::bind(&file).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    assert!(file.exists());
}

#[test]
fn only_the_gateways_user_and_root_are_answered() {
    assert!(is_allowed(1000, 1000) && is_allowed(0, 1000));
    assert!(!is_allowed(1001, 1000) && !is_allowed(1001, 0));
}

#[test]
fn an_operator_has_the_name_of_the_user_or_the_number() {
    let users = "root:x:0:0:root:/root:/bin/bash\nclara:x:1001:1001::/home/clara:/bin/sh\nbroken\n";
    assert_eq!(name_of(users, 0), Some("root"));
    assert_eq!(name_of(users, 1001), Some("clara"));
    assert_eq!(name_of(users, 4_000_000_000), None);
    assert_eq!(Operator::of(4_000_000_000).name, "uid:4000000000");
}

#[tokio::test]
async fn who_does_not_read_his_answer_gives_his_place_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let socket = AdminSocket::bind(&path).unwrap();
    tokio::spawn(socket.serve(Arc::new(Talker), std::future::pending()));
    let mut silent = Vec::new();
    for _ in 0..MAX_CLIENTS {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream
            .write_all(b"{\"command\":\"reload\"}\n")
            .await
            .unwrap();
        silent.push(stream);
    }
    let start = std::time::Instant::now();
    let answered = ask_reload(&path).await.unwrap();
    assert!(answered.ok);
    assert!(start.elapsed() < WRITE_TIMEOUT * 2, "{:?}", start.elapsed());
}
