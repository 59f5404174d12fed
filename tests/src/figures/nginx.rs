//! The proxy that does nothing: two nginx with mTLS between them, over the same roads as the gateways.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use sluice_certs::{Authority, OwnCertificate, PeerIdentity, UnixTime, tls};

use super::load::Entrance;
use super::{must, process};

/// Debian's package of nginx.
pub const PACKAGE: &str = "nginx-light";
/// Debian's package of wrk, and its program.
pub const WRK: &str = "wrk";
/// Name in the certificate of the second nginx.
const FAR: &str = "nginx.low.test";
/// Time for a start.
const START: Duration = Duration::from_secs(20);

/// Both of them. Dropping ends them.
#[derive(Debug)]
pub struct Nginx {
    near: Child,
    far: Child,
    dir: PathBuf,
    far_address: String,
    near_address: String,
    client: Arc<ClientConfig>,
}

/// Whether a program of Debian's is there. `-v` is what both know; with what code they end then does not matter.
#[must_use]
pub fn installed(program: &str) -> bool {
    let mut asked = Command::new(path_of(program));
    asked
        .arg("-v")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// Debian keeps nginx where only root's path leads.
fn path_of(program: &str) -> PathBuf {
    let system = Path::new("/usr/sbin").join(program);
    if system.is_file() {
        system
    } else {
        PathBuf::from(program)
    }
}

impl Nginx {
    /// Starts both in front of the stub at `upstream`, with keys and sockets in `dir`.
    ///
    /// # Panics
    /// Where nginx does not start.
    #[must_use]
    pub fn start(dir: &Path, upstream: &Path) -> Self {
        must("nginx", std::fs::create_dir_all(dir));
        // Its workers may be of another user than the one who starts this.
        must(
            "nginx",
            std::fs::set_permissions(dir, Permissions::from_mode(0o755)),
        );
        let high = must(
            "nginx",
            Authority::generate("CA of nginx high", UnixTime::now()),
        );
        let low = must(
            "nginx",
            Authority::generate("CA of nginx low", UnixTime::now()),
        );
        let own = certificate(dir, "near", &high, "nginx.high.test");
        let far = certificate(dir, "far", &low, FAR);
        let (near_port, far_port) = (free_port(), free_port());
        let near_address = format!("127.0.0.1:{near_port}");
        let far_address = format!("127.0.0.1:{far_port}");
        let identity = PeerIdentity::new(FAR, low.certificate_pem(), &far.facts().pin.to_string());
        let client = must("nginx", tls::peer_client(&own, &must("nginx", identity)));
        let socket = dir.join("near.sock");
        // Of an earlier run; that there is none is as well.
        let _absent = std::fs::remove_file(&socket);
        Self {
            far: launch(dir, "far", &far_server(far_port, upstream)),
            near: launch(dir, "near", &near_server(&socket, near_port, far_port)),
            dir: dir.to_owned(),
            far_address,
            near_address,
            client,
        }
        .ready()
    }

    fn ready(self) -> Self {
        let start = Instant::now();
        for address in [&self.far_address, &self.near_address] {
            while std::net::TcpStream::connect(address).is_err() {
                assert!(
                    start.elapsed() < START,
                    "nginx does not listen at {address}; see {}",
                    self.dir.display()
                );
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        self
    }

    /// The way in of the full road.
    #[must_use]
    pub fn full_road(&self) -> Entrance {
        Entrance::Unix(self.dir.join("near.sock"))
    }

    /// The way in of the border half.
    #[must_use]
    pub fn border_half(&self) -> Entrance {
        Entrance::Tls(
            self.far_address.clone(),
            FAR.to_owned(),
            Arc::clone(&self.client),
        )
    }

    /// The processes of the full road.
    #[must_use]
    pub fn both(&self) -> Vec<u32> {
        [self.near.id(), self.far.id()]
            .into_iter()
            .flat_map(process::family)
            .collect()
    }

    /// The processes of the border half.
    #[must_use]
    pub fn far_alone(&self) -> Vec<u32> {
        process::family(self.far.id())
    }

    /// Requests a second over the full road by the word of `wrk`, which sends one body again and again.
    ///
    /// # Panics
    /// Where `wrk` cannot be run or tells no rate.
    #[must_use]
    pub fn wrk(&self, target: &str, body: &[u8], connections: usize, time: Duration) -> f64 {
        let script = self.dir.join("put.lua");
        let text = String::from_utf8_lossy(body);
        let lua = format!(
            "wrk.method = \"PUT\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\nwrk.body = [==[{text}]==]\n"
        );
        must("wrk", std::fs::write(&script, lua));
        let output = Command::new(path_of(WRK))
            .args([
                "-t",
                "1",
                "-c",
                &connections.to_string(),
                "-d",
                &format!("{}s", time.as_secs().max(1)),
            ])
            .arg("-s")
            .arg(&script)
            .arg(format!("http://{}{target}", self.near_address))
            .output();
        let output = must("wrk", output);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!printed.contains("Non-2xx"), "wrk: {printed}");
        let rate = printed
            .lines()
            .find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
        rate.unwrap_or_else(|| {
            panic!(
                "wrk told no rate: {printed}{}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        for child in [&mut self.near, &mut self.far] {
            // A quick shutdown takes the workers along; a kill of the master would leave them.
            let _told = Command::new("kill")
                .args(["-TERM", &child.id().to_string()])
                .status();
            let _ended = child.wait();
        }
    }
}

fn certificate(dir: &Path, file: &str, authority: &Authority, name: &str) -> OwnCertificate {
    let issued = must("nginx", authority.issue_gateway(name, UnixTime::now()));
    let write = |suffix: &str, text: &str| {
        must(
            "nginx",
            std::fs::write(dir.join(format!("{file}.{suffix}")), text),
        )
    };
    write("pem", &issued.certificate_pem);
    write("key", &issued.key_pem);
    write("ca", authority.certificate_pem());
    must(
        "nginx",
        OwnCertificate::load(&issued.certificate_pem, &issued.key_pem),
    )
}

fn free_port() -> u16 {
    let listener = must("nginx", TcpListener::bind("127.0.0.1:0"));
    must("nginx", listener.local_addr()).port()
}

fn launch(dir: &Path, name: &str, server: &str) -> Child {
    let config = dir.join(format!("{name}.conf"));
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("    {kind}_temp_path {name}-{kind};\n"))
        .concat();
    let text = format!(
        "daemon off;\nuser root;\nworker_processes auto;\npid {name}.pid;\nerror_log {name}.log warn;\n\
         events {{ worker_connections 512; }}\nhttp {{\n    access_log off;\n{temporary}    \
         keepalive_requests 100000000;\n    client_body_buffer_size 1m;\n    client_max_body_size 16m;\n{server}}}\n"
    );
    must("nginx", std::fs::write(&config, text));
    let log = must(
        "nginx",
        std::fs::File::create(dir.join(format!("{name}.err"))),
    );
    let child = Command::new(path_of("nginx"))
        .arg("-p")
        .arg(dir)
        .arg("-c")
        .arg(&config)
        .stderr(log)
        .spawn();
    must("nginx", child)
}

/// In over unix or TCP, out over mTLS.
fn near_server(socket: &Path, port: u16, far_port: u16) -> String {
    format!(
        "    upstream far {{ server 127.0.0.1:{far_port}; keepalive 64; keepalive_requests 100000000; }}\n    \
         server {{\n        listen unix:{};\n        listen 127.0.0.1:{port};\n        location / {{\n            \
         proxy_pass https://far;\n            proxy_http_version 1.1;\n            proxy_set_header Connection \"\";\n            \
         proxy_ssl_certificate near.pem;\n            proxy_ssl_certificate_key near.key;\n            \
         proxy_ssl_trusted_certificate far.ca;\n            proxy_ssl_verify on;\n            \
         proxy_ssl_server_name on;\n            proxy_ssl_name {FAR};\n            proxy_ssl_protocols TLSv1.3;\n        \
         }}\n    }}\n",
        socket.display()
    )
}

/// In over mTLS, out to the stub.
fn far_server(port: u16, upstream: &Path) -> String {
    format!(
        "    upstream stub {{ server unix:{}; keepalive 64; keepalive_requests 100000000; }}\n    \
         server {{\n        listen 127.0.0.1:{port} ssl;\n        ssl_certificate far.pem;\n        \
         ssl_certificate_key far.key;\n        ssl_client_certificate near.ca;\n        ssl_verify_client on;\n        \
         ssl_protocols TLSv1.3;\n        location / {{\n            proxy_pass http://stub;\n            \
         proxy_http_version 1.1;\n            proxy_set_header Connection \"\";\n        }}\n    }}\n",
        upstream.display()
    )
}
