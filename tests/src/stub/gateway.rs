//! The real `sluice` binary in a folder of its own: made by `init`, joined by `peer import`, started, watched, killed.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_policy::bundle::{Bundle, BundleParts, BundleSigningKey};

use super::wire::{Reply, read_reply};

/// What may cross in these tests: both lower levels of the sample policy.
pub const CLEARANCE: &str = concat!(
    r#"{"PolicyIdentifier":{"name":"DE-SAMPLE","uri":"urn:oid:2.25.999001"},"#,
    r#""ClassificationList":["OFFEN","VS-NUR FÜR DEN DIENSTGEBRAUCH"],"Category":[]}"#
);

/// Time for a start, generous because tests share the machine with compilers.
const START: Duration = Duration::from_secs(120);
/// Time for a graceful stop.
const STOP: Duration = Duration::from_secs(40);

/// A gateway process and its folder. Dropping kills the process; the folder belongs to whoever made it.
#[derive(Debug)]
pub struct Gateway {
    /// Its folder.
    pub dir: PathBuf,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    border: String,
    operations: String,
}

impl Gateway {
    /// `sluice init` for one homeserver behind a unix socket. Nothing runs yet.
    ///
    /// # Panics
    /// Where a command fails.
    #[must_use]
    pub fn init(dir: &Path, zone: &str, homeserver: &str, socket: &Path) -> Self {
        Self::init_for(dir, zone, &[(homeserver, socket)])
    }

    /// As [`Gateway::init`], for several homeservers.
    ///
    /// # Panics
    /// Where a command fails.
    #[must_use]
    pub fn init_for(dir: &Path, zone: &str, homeservers: &[(&str, &Path)]) -> Self {
        let dir_text = dir.display().to_string();
        let free = format!("{}:0", own_address());
        let homeservers: Vec<String> = homeservers
            .iter()
            .map(|(name, socket)| format!("{name}=unix:{}", socket.display()))
            .collect();
        let named = homeservers
            .iter()
            .flat_map(|homeserver| ["--homeserver", homeserver.as_str()]);
        let args = [
            "--way",
            "hook",
            "--listen-border",
            &free,
            "--listen-inside",
            "unix:hook.sock",
            "--listen-operations",
            &free,
            "--json",
        ];
        let args: Vec<&str> = ["init", &dir_text, "--zone", zone]
            .into_iter()
            .chain(named)
            .chain(args)
            .collect();
        command(&args, "");
        let gateway = Self {
            dir: dir.to_owned(),
            running: None,
        };
        gateway.edit("sluice.toml", |text| {
            format!("{text}\n[log]\nlevel = \"debug\"\n")
        });
        gateway
    }

    /// A file of it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Changes a text file.
    ///
    /// # Panics
    /// Where it cannot.
    pub fn edit(&self, name: &str, change: impl FnOnce(&str) -> String) {
        let path = self.file(name);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        std::fs::write(&path, change(&text))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Its own record, as `peer export` prints it.
    #[must_use]
    pub fn record(&self) -> Value {
        let printed = self.command(&["peer", "export", "--json"], "");
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }

    /// `peer import` with [`CLEARANCE`] in both directions.
    pub fn import(&self, record: &Value) {
        self.import_for(record, CLEARANCE, CLEARANCE);
    }

    /// `peer import` with these clearances.
    pub fn import_for(&self, record: &Value, send: &str, receive: &str) {
        let clearances = ["--send", send, "--receive", receive, "--json"];
        let args = [&["peer", "import", "-"][..], &clearances].concat();
        self.command(&args, &record.to_string());
    }

    /// Gives the zone a clearance of its own; the next start takes it.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn clear_zone(&self, clearance: &Value) {
        std::fs::write(self.file("clearance.json"), clearance.to_string())
            .unwrap_or_else(|error| panic!("clearance.json: {error}"));
        self.edit("sluice.toml", |text| {
            format!("clearance = \"clearance.json\"\n{text}")
        });
    }

    /// Deletes the journal of a gateway that does not run.
    ///
    /// # Panics
    /// Where there is none.
    pub fn delete_journal(&self) {
        let journal = self.file("state/journal.db");
        std::fs::remove_file(&journal).unwrap_or_else(|error| panic!("journal: {error}"));
        for beside in ["state/journal.db-wal", "state/journal.db-shm"] {
            // They are there only after a crash.
            let _gone = std::fs::remove_file(self.file(beside));
        }
    }

    /// Runs a command about it; the command must succeed.
    ///
    /// # Panics
    /// Where it does not.
    pub fn command(&self, args: &[&str], stdin: &str) -> String {
        let config = self.file("sluice.toml").display().to_string();
        command(&[args, &["-c", &config]].concat(), stdin)
    }

    /// What `audit show` tells of an event.
    ///
    /// # Panics
    /// Where it fails.
    pub fn audit_shown(&self, event_id: &str) -> String {
        let folder = self.file("state/audit").display().to_string();
        command(&["audit", "show", &folder, "--event", event_id], "")
    }

    /// Replaces the bundle; the next start or `reload` takes it.
    ///
    /// # Panics
    /// Where the parts are no bundle.
    pub fn install(&self, parts: &BundleParts) {
        let pem = std::fs::read_to_string(self.file("keys/bundle.key"))
            .unwrap_or_else(|error| panic!("{error}"));
        std::fs::write(self.file("bundle.tar.gz"), archive(parts, &pem))
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Starts it and waits until it serves.
    ///
    /// # Panics
    /// Where it does not; the text holds its own words.
    pub fn start(&mut self) {
        let mut run = Command::new(crate::sluice_binary());
        run.args(["run", "-c"]).arg(self.file("sluice.toml"));
        self.start_as(run);
    }

    /// Starts it and kills it after this time, whether it serves by then or not.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn start_and_kill_after(&self, time: Duration) {
        let mut run = Command::new(crate::sluice_binary());
        run.args(["run", "-c"]).arg(self.file("sluice.toml"));
        let quiet = run
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = quiet
            .spawn()
            .unwrap_or_else(|error| panic!("sluice run: {error}"));
        std::thread::sleep(time);
        let _ended = child.kill();
        let _reaped = child.wait();
    }

    /// Starts it though it should not serve; what it said when it gave up.
    ///
    /// # Panics
    /// Where it serves, or does not give up.
    #[must_use]
    pub fn refuses_to_start(&self) -> String {
        let mut run = Command::new("timeout");
        run.arg(START.as_secs().to_string())
            .arg(crate::sluice_binary())
            .args(["run", "-c"])
            .arg(self.file("sluice.toml"));
        refused(run)
    }

    /// As [`Gateway::refuses_to_start`], with all that it writes on a disk that is read-only. `None` where this machine
    /// does not let a user make one.
    #[must_use]
    pub fn refuses_to_start_on_a_read_only_disk(&self) -> Option<String> {
        const MOUNT: &str = "mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\"";
        let alone = ["--user", "--map-root-user", "--mount", "sh", "-c"];
        let disk = self.file("state");
        let tried = Command::new("unshare")
            .args(alone)
            .args([MOUNT, "sh"])
            .arg(&disk)
            .output();
        tried.ok().filter(|tried| tried.status.success())?;
        let mut run = Command::new("unshare");
        run.args(alone).arg(format!(
            "{MOUNT} && exec timeout {} \"$0\" run -c \"$2\"",
            START.as_secs()
        ));
        run.arg(crate::sluice_binary())
            .arg(&disk)
            .arg(self.file("sluice.toml"));
        Some(refused(run))
    }

    /// Starts it with an audit log on a disk of its own of 512 KiB, which only this process and [`Gateway::small_disk`]
    /// see. `None` where this machine does not let a user make one; then nothing runs.
    #[must_use]
    pub fn start_on_a_small_disk(&mut self) -> Option<()> {
        self.start_on_a_disk("state/audit", "512k")
    }

    /// As [`Gateway::start_on_a_small_disk`], with this folder of it on an empty disk of this size.
    #[must_use]
    pub fn start_on_a_disk(&mut self, folder: &str, size: &str) -> Option<()> {
        let mount = format!("mount -t tmpfs -o size={size},mode=700 tmpfs \"$1\"");
        let alone = ["--user", "--map-root-user", "--mount", "sh", "-c"];
        let disk = self.file(folder);
        let tried = Command::new("unshare")
            .args(alone)
            .args([mount.as_str(), "sh"])
            .arg(&disk)
            .output();
        tried.ok().filter(|tried| tried.status.success())?;
        let mut run = Command::new("unshare");
        run.args(alone)
            .arg(format!("{mount} && exec \"$0\" run -c \"$2\""));
        run.arg(crate::sluice_binary())
            .arg(&disk)
            .arg(self.file("sluice.toml"));
        self.start_as(run);
        Some(())
    }

    /// The small disk as it is seen from outside.
    #[must_use]
    pub fn small_disk(&self) -> PathBuf {
        let inside = self.file("state/audit");
        PathBuf::from(format!("/proc/{}/root{}", self.pid(), inside.display()))
    }

    fn start_as(&mut self, mut run: Command) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.file("stderr.log"));
        let mut child = run
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.unwrap_or_else(|error| panic!("{error}")))
            .spawn()
            .unwrap_or_else(|error| panic!("sluice run: {error}"));
        let Some(stdout) = child.stdout.take() else {
            panic!("stdout was not piped")
        };
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody waits for the lines after the first.
                let _gone = tell.send(line);
            }
        });
        let line = told.recv_timeout(START).unwrap_or_else(|error| {
            // It is of no use any more; its log says why.
            let _ended = child.kill();
            panic!("sluice run is not ready ({error}): {}", self.log())
        });
        let ready: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let listener = |name: &str| {
            ready["listeners"][name]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        self.running = Some(Running {
            child,
            border: listener("border"),
            operations: listener("operations"),
        });
    }

    /// Stops it with SIGTERM and waits for its end, at which it has written all it knows.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn stop(&mut self) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        let pid = running.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(
            told.is_ok_and(|status| status.success()),
            "kill -TERM failed"
        );
        let start = Instant::now();
        while running
            .child
            .try_wait()
            .unwrap_or_else(|error| panic!("{error}"))
            .is_none()
        {
            assert!(
                start.elapsed() < STOP,
                "sluice run does not stop: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            // Either may fail only because it has ended already.
            let _ended = running.child.kill();
            let _reaped = running.child.wait();
        }
    }

    /// Stops and starts it.
    pub fn restart(&mut self) {
        self.stop();
        self.start();
    }

    /// `sluice reload`.
    pub fn reload(&self) {
        self.command(&["reload", "--json"], "");
    }

    /// Where its border listens now.
    #[must_use]
    pub fn border(&self) -> &str {
        self.running.as_ref().map_or("", |running| &running.border)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running
            .as_ref()
            .map_or(0, |running| running.child.id())
    }

    /// Most memory that the process has ever held, in KiB.
    ///
    /// # Panics
    /// Where the system does not tell.
    #[must_use]
    pub fn peak_memory_kib(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        line.and_then(|number| number.trim().parse().ok())
            .unwrap_or_else(|| panic!("no VmHWM: {status}"))
    }

    /// The secret of the hook.
    #[must_use]
    pub fn inside_secret(&self) -> String {
        let secret = std::fs::read_to_string(self.file("keys/inside.secret"));
        secret
            .unwrap_or_else(|error| panic!("{error}"))
            .trim()
            .to_owned()
    }

    /// Sends bytes to the hook and reads one answer.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn hook(&self, bytes: &[u8]) -> Reply {
        let mut stream = UnixStream::connect(self.file("hook.sock"))
            .unwrap_or_else(|error| panic!("hook: {error}"));
        stream
            .write_all(bytes)
            .unwrap_or_else(|error| panic!("hook: {error}"));
        read_reply(&mut stream).unwrap_or_else(|error| panic!("hook: {error}"))
    }

    /// Sends bytes to the hook and hangs up after a while, whether an answer has come or not.
    ///
    /// # Panics
    /// Where nobody listens.
    pub fn hook_and_hang_up(&self, bytes: &[u8], after: Duration) {
        let mut stream = UnixStream::connect(self.file("hook.sock"))
            .unwrap_or_else(|error| panic!("hook: {error}"));
        stream
            .write_all(bytes)
            .unwrap_or_else(|error| panic!("hook: {error}"));
        std::thread::sleep(after);
    }

    /// A page of the operations listener.
    ///
    /// # Panics
    /// Where it does not answer.
    #[must_use]
    pub fn page(&self, path: &str) -> Reply {
        let address = self
            .running
            .as_ref()
            .map_or("", |running| &running.operations);
        let mut stream =
            TcpStream::connect(address).unwrap_or_else(|error| panic!("operations: {error}"));
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: operations\r\nConnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .unwrap_or_else(|error| panic!("operations: {error}"));
        read_reply(&mut stream).unwrap_or_else(|error| panic!("operations: {error}"))
    }

    /// Everything that it wrote to stderr.
    #[must_use]
    pub fn log(&self) -> String {
        let mut text = Vec::new();
        let read =
            File::open(self.file("stderr.log")).and_then(|mut file| file.read_to_end(&mut text));
        if read.is_err() {
            return String::new();
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The audit log as text, all segments in order.
    #[must_use]
    pub fn audit_text(&self) -> String {
        let entries = std::fs::read_dir(self.file("state/audit"))
            .unwrap_or_else(|error| panic!("audit: {error}"));
        let mut files: Vec<PathBuf> = entries
            .map_while(Result::ok)
            .map(|entry| entry.path())
            .collect();
        files.sort();
        let read = |path: &PathBuf| {
            String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
        };
        files
            .iter()
            .filter(|path| path.is_file())
            .map(read)
            .collect()
    }

    /// The lines of the audit log.
    #[must_use]
    pub fn audit(&self) -> Vec<Value> {
        self.audit_text()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

fn refused(mut run: Command) -> String {
    let done = run
        .output()
        .unwrap_or_else(|error| panic!("sluice run: {error}"));
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(
        !done.status.success() && done.stdout.is_empty(),
        "it serves: {said}"
    );
    assert_ne!(done.status.code(), Some(124), "it does not give up: {said}");
    said
}

/// A signed bundle.
///
/// # Panics
/// Where parts or key are wrong.
#[must_use]
pub fn archive(parts: &BundleParts, key_pem: &str) -> Vec<u8> {
    let key = BundleSigningKey::from_pem(key_pem).unwrap_or_else(|error| panic!("{error}"));
    Bundle::build_shipped(parts, &key).unwrap_or_else(|error| panic!("{error}"))
}

/// A loopback address that nobody else uses: outgoing connections of other tests, which all come from 127.0.0.1, cannot
/// take a port of it between `init`, which chooses one, and a start or restart.
fn own_address() -> std::net::Ipv4Addr {
    use std::hash::{BuildHasher as _, Hasher as _};
    let [_, b, c, d, ..] = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish()
        .to_le_bytes();
    std::net::Ipv4Addr::new(127, b.max(1), c, d.clamp(1, 254))
}

fn command(args: &[&str], stdin: &str) -> String {
    let mut child = Command::new(crate::sluice_binary())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("sluice: {error}"));
    let Some(mut pipe) = child.stdin.take() else {
        panic!("stdin was not piped")
    };
    pipe.write_all(stdin.as_bytes())
        .unwrap_or_else(|error| panic!("sluice: {error}"));
    drop(pipe);
    let done = child
        .wait_with_output()
        .unwrap_or_else(|error| panic!("sluice: {error}"));
    let (stdout, stderr) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    assert!(
        done.status.success(),
        "sluice {}: {stdout}{stderr}",
        args.join(" ")
    );
    stdout.into_owned()
}
