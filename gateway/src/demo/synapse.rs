//! One Synapse: configured, started, asked for users, stopped.
//!
//! The federation listener is a unix socket in a folder that only we can open; whoever federates with this homeserver
//! has to be its gateway. The client listener is a free port on loopback.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::json;

use super::client::{Client, agent, answer, text, until};
use super::error::{DemoError, io};
use super::process::Supervised;

/// What a homeserver needs to know before its first start.
#[derive(Debug, Clone)]
pub struct SynapseOptions {
    /// Its server name, for example `high.test`.
    pub server_name: String,
    /// Its folder; made if absent, with mode 0700.
    pub folder: PathBuf,
    /// The interpreter of [`super::cache::synapse_python`].
    pub python: PathBuf,
    /// YAML that joins it to its gateway, exactly as `sluice init` prints it. Empty: a homeserver that reaches nobody.
    pub fragment: String,
}

/// A homeserver with its files; stopped when dropped.
#[derive(Debug)]
pub struct Synapse {
    options: SynapseOptions,
    port: u16,
    registration_secret: String,
    process: Option<Supervised>,
}

impl Synapse {
    /// Where the federation socket of a homeserver in `folder` will be.
    #[must_use]
    pub fn socket_in(folder: &Path) -> PathBuf {
        folder.join("fed.sock")
    }

    /// Writes the configuration without starting anything.
    ///
    /// # Errors
    /// When the folder cannot be written, or its path is too long for a unix socket.
    pub fn prepare(options: SynapseOptions) -> Result<Self, DemoError> {
        let folder = &options.folder;
        std::fs::create_dir_all(folder).map_err(io("create", folder))?;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
            .map_err(io("protect", folder))?;
        let socket = Self::socket_in(folder);
        if socket.as_os_str().len() > LONGEST_SOCKET_PATH {
            return Err(DemoError::Setup(format!(
                "{} is too long for a unix socket; set TMPDIR (or --keep) to a folder with a short path",
                socket.display()
            )));
        }
        let port = free_port()?;
        let synapse = Self {
            port,
            registration_secret: random_text()?,
            process: None,
            options,
        };
        synapse.write_files()?;
        Ok(synapse)
    }

    /// Writes the configuration, starts the homeserver and waits until it serves.
    ///
    /// # Errors
    /// As [`Self::prepare`] and [`Self::start`].
    pub fn boot(options: SynapseOptions) -> Result<Self, DemoError> {
        let mut synapse = Self::prepare(options)?;
        synapse.start()?;
        Ok(synapse)
    }

    /// Starts the homeserver, again after a stop or kill, and waits until it serves.
    ///
    /// # Errors
    /// With the end of its log, when it does not come up.
    pub fn start(&mut self) -> Result<(), DemoError> {
        self.launch()?;
        self.wait_until_up()
    }

    /// Starts the homeserver without waiting; pair with [`Self::wait_until_up`] to start two at once.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn launch(&mut self) -> Result<(), DemoError> {
        let folder = &self.options.folder;
        // A killed homeserver leaves its socket behind, and Synapse would then refuse to listen.
        let _ = std::fs::remove_file(Self::socket_in(folder));
        let output = folder.join("output.log");
        let file = File::options()
            .create(true)
            .append(true)
            .open(&output)
            .map_err(io("open", &output))?;
        let copy = file.try_clone().map_err(io("open", &output))?;
        let mut command = Command::new(&self.options.python);
        command
            .args(["-m", "synapse.app.homeserver", "-c"])
            .arg(folder.join("gateway.yaml"))
            // The later file wins key by key: ours has the same federation listener, and one for clients beside it.
            .arg("-c")
            .arg(folder.join("homeserver.yaml"))
            .current_dir(folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(copy);
        for variable in PROXY_VARIABLES {
            command
                .env_remove(variable)
                .env_remove(variable.to_lowercase());
        }
        self.process = Some(Supervised::start(
            &format!("Synapse {}", self.options.server_name),
            &mut command,
        )?);
        Ok(())
    }

    /// Waits until the homeserver serves clients.
    ///
    /// # Errors
    /// With the end of its output, when it ends or takes longer than [`BOOT_WITHIN`].
    pub fn wait_until_up(&mut self) -> Result<(), DemoError> {
        let start = Instant::now();
        let agent = agent();
        let url = format!("{}/health", self.base());
        loop {
            if agent
                .get(&url)
                .call()
                .is_ok_and(|response| response.status().as_u16() == 200)
            {
                return Ok(());
            }
            let ended = self
                .process
                .as_mut()
                .is_none_or(|process| process.ended().is_some());
            if ended || start.elapsed() > BOOT_WITHIN {
                return Err(DemoError::Setup(format!(
                    "Synapse {} did not come up; the end of {}: {}",
                    self.options.server_name,
                    self.options.folder.join("output.log").display(),
                    self.last_words()
                )));
            }
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// SIGTERM, and wait.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(&mut self) -> Result<(), DemoError> {
        self.process
            .take()
            .map_or(Ok(()), |mut process| process.stop().map(drop))
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Its server name.
    #[must_use]
    pub fn server_name(&self) -> &str {
        &self.options.server_name
    }

    /// Its folder: `homeserver.yaml`, `homeserver.db`, `homeserver.log`, `signing.key`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.options.folder
    }

    /// What clients dial, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The SQLite database, for tests that compare what two homeservers hold.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.options.folder.join("homeserver.db")
    }

    /// Makes a user and logs in, through the shared-secret registration.
    ///
    /// # Errors
    /// As the homeserver answers, for example for a name that is taken.
    pub fn register(
        &self,
        name: &str,
        password: &str,
        administrator: bool,
    ) -> Result<Client, DemoError> {
        let agent = agent();
        let url = format!("{}{REGISTER}", self.base());
        let nonce = text(&answer("GET", REGISTER, agent.get(&url).call())?, "nonce")?;
        let role = if administrator { "admin" } else { "notadmin" };
        let mac = self.registration_mac(&[&nonce, name, password, role]);
        let body = json!({"nonce": nonce, "username": name, "password": password, "admin": administrator, "mac": mac});
        let made = answer("POST", REGISTER, agent.post(&url).send_json(body))?;
        let (user, device) = (text(&made, "user_id")?, text(&made, "device_id")?);
        Ok(Client::new(
            &self.base(),
            &user,
            &device,
            &text(&made, "access_token")?,
        ))
    }

    /// Lines of the log that record a request served on the federation socket: method and path of each, in order.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn federation_requests(&self) -> Result<Vec<(String, String)>, DemoError> {
        let path = self.options.folder.join("homeserver.log");
        let file = File::open(&path).map_err(io("read", &path))?;
        Ok(BufReader::new(file)
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| served_request(&line))
            .collect())
    }

    fn registration_mac(&self, parts: &[&str]) -> String {
        let key = hmac::Key::new(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            self.registration_secret.as_bytes(),
        );
        let tag = hmac::sign(&key, parts.join("\0").as_bytes());
        tag.as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn write_files(&self) -> Result<(), DemoError> {
        let mut seed = [0_u8; 32];
        random(&mut seed)?;
        self.write(
            "signing.key",
            &format!("ed25519 a_demo {}\n", STANDARD_NO_PAD.encode(seed)),
        )?;
        self.write("log.yaml", LOG_YAML)?;
        self.write(
            "gateway.yaml",
            if self.options.fragment.trim().is_empty() {
                NOBODY
            } else {
                &self.options.fragment
            },
        )?;
        self.write("homeserver.yaml", &self.homeserver_yaml()?)
    }

    fn write(&self, name: &str, content: &str) -> Result<(), DemoError> {
        let path = self.options.folder.join(name);
        std::fs::write(&path, content).map_err(io("write", &path))
    }

    fn homeserver_yaml(&self) -> Result<String, DemoError> {
        let folder = self
            .options
            .folder
            .canonicalize()
            .map_err(io("find", &self.options.folder))?;
        let secret = random_text()?;
        Ok(HOMESERVER_YAML
            .replace("{NAME}", &self.options.server_name)
            .replace("{DIR}", &folder.display().to_string())
            .replace("{PORT}", &self.port.to_string())
            .replace("{REGISTRATION}", &self.registration_secret)
            .replace("{SECRET}", &secret))
    }

    fn last_words(&self) -> String {
        let read = |name: &str| {
            std::fs::read_to_string(self.options.folder.join(name)).unwrap_or_default()
        };
        let (output, log) = (read("output.log"), read("homeserver.log"));
        let source = if output.trim().is_empty() {
            log
        } else {
            output
        };
        let lines: Vec<&str> = source.lines().collect();
        lines
            .get(lines.len().saturating_sub(LAST_LINES)..)
            .unwrap_or_default()
            .join("\n")
    }
}

/// A port that was free a moment ago. Handed out once in this process, so that parallel tests do not meet.
///
/// # Errors
/// When loopback has no free port.
pub fn free_port() -> Result<u16, DemoError> {
    static GIVEN: std::sync::Mutex<Vec<u16>> = std::sync::Mutex::new(Vec::new());
    let fail = |source| DemoError::Io {
        what: "cannot find a free port on 127.0.0.1".to_owned(),
        source,
    };
    loop {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(fail)?;
        let port = listener.local_addr().map_err(fail)?.port();
        let mut given = GIVEN
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if !given.contains(&port) {
            given.push(port);
            return Ok(port);
        }
    }
}

/// Waits until Synapse's log is written out, then counts; the log trails the answers by a moment.
///
/// # Errors
/// As [`Synapse::federation_requests`], and [`DemoError::Late`] when fewer than `least` come within `within`.
pub fn wait_requests(
    synapse: &Synapse,
    least: usize,
    within: Duration,
) -> Result<usize, DemoError> {
    until(
        &format!("{least} federation requests at {}", synapse.server_name()),
        within,
        || {
            let count = synapse.federation_requests()?.len();
            Ok((count >= least).then_some(count))
        },
    )
}

/// Method and path, from an access-log line of the federation socket.
fn served_request(line: &str) -> Option<(String, String)> {
    if !line.contains(FEDERATION_ACCESS) || !line.contains("Processed request:") {
        return None;
    }
    let request = line.split('"').nth(1)?;
    let mut words = request.split(' ');
    Some((words.next()?.to_owned(), words.next()?.to_owned()))
}

fn random(bytes: &mut [u8]) -> Result<(), DemoError> {
    getrandom::fill(bytes)
        .map_err(|error| DemoError::Setup(format!("the system gives no random numbers: {error}")))
}

/// 32 hexadecimal digits.
pub(crate) fn random_text() -> Result<String, DemoError> {
    let mut bytes = [0_u8; 16];
    random(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// How long a homeserver may take to come up; seconds are usual, a busy machine needs more.
pub const BOOT_WITHIN: Duration = Duration::from_secs(90);
/// `sun_path` holds 108 bytes on Linux and 104 on macOS, one of them the end mark.
const LONGEST_SOCKET_PATH: usize = 103;
const LAST_LINES: usize = 12;
const REGISTER: &str = "/_synapse/admin/v1/register";
/// Synapse names what came by a unix socket so, whatever the listener's tag; ours has one such socket, federation's.
const FEDERATION_ACCESS: &str = "synapse.access.http.unix";
/// A proxy in the environment would take over federation silently.
const PROXY_VARIABLES: &[&str] = &["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
const HOMESERVER_YAML: &str = include_str!("homeserver.yaml");
/// In place of a fragment: no other server is asked for keys, and none is reachable.
const NOBODY: &str = "trusted_key_servers: []\nfederation_domain_whitelist: []\n";
const LOG_YAML: &str = include_str!("log.yaml");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]
    use super::*;

    #[test]
    fn only_the_federation_socket_counts() {
        let line = |site: &str| {
            format!(
                "2026-03-01 12:00:00,000 - synapse.access.http.{site} - 643 - INFO - PUT-7 - /run/fed.sock - {site} - \
                 {{low.test}} Processed request: 0.01sec/0.00sec (0.0, 0.0) (0.0/0.0/1) 2B 200 \
                 \"PUT /_matrix/federation/v1/send/1 HTTP/1.1\" \"Sluice/0.1.0\" [0 dbevts]"
            )
        };
        let request = served_request(&line("unix")).unwrap();
        assert_eq!(
            request,
            ("PUT".to_owned(), "/_matrix/federation/v1/send/1".to_owned())
        );
        assert_eq!(served_request(&line("client")), None);
    }

    #[test]
    fn two_ports_are_two() {
        assert_ne!(free_port().unwrap(), free_port().unwrap());
    }
}
