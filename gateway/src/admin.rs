//! The admin socket: how a running gateway is told things. Local only: a unix socket of mode 0600, and the kernel's word
//! for who is on the other end. One JSON line asks, one JSON line answers.
//!
//! ```text
//! sluice reload ─ ask() ──▶ state/admin.sock ──▶ peer credentials ──▶ AdminHandler::handle ──▶ answer line
//! ```
//!
//! Only the gateway's own user and root are answered, whatever the file's mode says; about what is held also the reviewers
//! that the configuration names. Reviewers have places of their own, so that whatever they do keeps no operator waiting.

use std::fs;
use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::hold::HoldAsk;

mod client;

pub use client::{AdminError, ask};

/// Longest request line, in bytes.
pub const MAX_LINE_BYTES: u64 = 256 * 1024;
/// Longest answer line, in bytes: a list of all links or of many rooms.
pub const MAX_ANSWER_BYTES: u64 = 8 * 1024 * 1024;
/// How long a client may take to send its line.
pub const LINE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the gateway may work on a request. A reload compiles a policy.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a client may take to read its answer.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Operators at the same time; more wait.
pub const MAX_CLIENTS: usize = 4;
/// Reviewers at the same time, who are other users of the machine; more are told so.
pub const MAX_REVIEWERS: usize = 4;
/// How long a refusal may take that nobody's place is used for; a fresh socket takes it at once.
const REFUSAL_TIMEOUT: Duration = Duration::from_millis(100);
/// Where the names of this machine's users stand.
const USERS: &str = "/etc/passwd";
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a running gateway can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum AdminRequest {
    /// Read configuration, peers and bundle again; all or nothing.
    Reload {},
    /// Tell which links are open.
    LinkList {},
    /// Close or open the links with one peer, or with all.
    LinkSet {
        /// `high->low`, `low->high` or the peer's zone; absent: all peers.
        #[serde(default)]
        link: Option<String>,
        /// True: open.
        open: bool,
        /// Why, for the audit log.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Tell which rooms are closed.
    RoomList {
        /// As in `LinkSet`; `high->low` means that direction alone. Absent: all.
        #[serde(default)]
        link: Option<String>,
    },
    /// Close or open a room on a link.
    RoomSet {
        /// Room id.
        room_id: String,
        /// `high->low`: that direction alone; a peer's zone: both.
        link: String,
        /// True: open.
        open: bool,
        /// Why, for the audit log.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Look at what waits for a person, and decide on it.
    Hold {
        /// What to do.
        ask: HoldAsk,
    },
}

/// Who asks at the admin socket, by the kernel's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// User id.
    pub uid: u32,
    /// The user's name; `uid:N` where this machine's user file has none.
    pub name: String,
}

/// A link, and whether it is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkState {
    /// `high->low`.
    pub link: String,
    /// Zone of the peer.
    pub peer: String,
    /// Whether anything may cross.
    pub open: bool,
    /// Since when it is closed, RFC 3339.
    #[serde(default)]
    pub since: Option<String>,
    /// Who closed it.
    #[serde(default)]
    pub operator: Option<String>,
    /// Why, in that operator's words.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A room that is closed on a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomState {
    /// `high->low`.
    pub link: String,
    /// Room id.
    pub room_id: String,
    /// The rule that closed it, or `operator`.
    pub rule: String,
    /// Since when, RFC 3339; absent where it was closed before that was kept.
    #[serde(default)]
    pub since: Option<String>,
    /// Who closed it by hand.
    #[serde(default)]
    pub operator: Option<String>,
    /// Why, in that operator's words.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What the gateway answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminAnswer {
    /// Whether it was done.
    pub ok: bool,
    /// One sentence for the operator.
    pub message: String,
    /// More lines, for example each mistake of a configuration that was not taken.
    #[serde(default)]
    pub details: Vec<String>,
    /// The links that were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Vec<LinkState>>,
    /// The rooms that were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rooms: Option<Vec<RoomState>>,
}

/// Who does what was asked.
pub trait AdminHandler: Send + Sync + 'static {
    /// Does it and says how it went.
    fn handle(
        &self,
        operator: &Operator,
        request: AdminRequest,
    ) -> impl Future<Output = AdminAnswer> + Send;

    /// Whether this user may ask about what is held, although it is neither the gateway's nor root. Nobody is, unless told.
    fn is_reviewer(&self, operator: &Operator) -> bool {
        let _nobody = operator;
        false
    }
}

/// A bound admin socket; its file is removed when this is dropped.
#[derive(Debug)]
pub struct AdminSocket {
    path: PathBuf,
    listener: UnixListener,
    owner: u32,
}

impl AdminAnswer {
    /// It was done.
    pub fn done(message: impl Into<String>) -> Self {
        Self {
            ok: true,
            message: message.into(),
            details: Vec::new(),
            links: None,
            rooms: None,
        }
    }

    /// It was not done, or nobody can tell; the message says which.
    pub fn refused(message: impl Into<String>, details: Vec<String>) -> Self {
        Self {
            details,
            ok: false,
            ..Self::done(message)
        }
    }
}

impl Operator {
    /// The user of this id.
    #[must_use]
    pub fn of(uid: u32) -> Self {
        let users = fs::read_to_string(USERS).unwrap_or_default();
        let name = name_of(&users, uid).map_or_else(|| format!("uid:{uid}"), str::to_owned);
        Self { uid, name }
    }
}

/// The name of a user id in the text of a user file: `name:password:uid:...`, a line each.
fn name_of(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id.parse() == Ok(uid)).then_some(name)
    })
}

impl AdminSocket {
    /// Binds the socket with mode 0600. A file left by a gateway that was killed is replaced; one that answers is not.
    pub fn bind(path: &Path) -> io::Result<Self> {
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        let owner = fs::metadata(path)?.uid();
        Ok(Self {
            path: path.to_owned(),
            listener,
            owner,
        })
    }

    /// Lets every user of the machine connect; who is answered is decided by the kernel's word for who asks.
    ///
    /// # Errors
    /// Where the mode cannot be changed.
    pub fn open_to_reviewers(&self) -> io::Result<()> {
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o666))
    }

    /// Serves until `stop` is done.
    pub async fn serve<H: AdminHandler>(self, handler: Arc<H>, stop: impl Future<Output = ()>) {
        let operators = Arc::new(Semaphore::new(MAX_CLIENTS));
        let reviewers = Arc::new(Semaphore::new(MAX_REVIEWERS));
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => return,
                accepted = self.accept(&operators) => accepted,
            };
            let Ok((mut stream, place)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let Ok(client) = self.known(&stream, &*handler) else {
                continue;
            };
            let place = match client.rank {
                Rank::Operator => Ok(place),
                Rank::Reviewer => Arc::clone(&reviewers)
                    .try_acquire_owned()
                    .map_err(|_| too_many()),
                Rank::Nobody => Err(not_allowed()),
            };
            match place {
                Ok(place) => drop(tokio::spawn(serve_one(
                    stream,
                    client,
                    Arc::clone(&handler),
                    place,
                ))),
                Err(refusal) => {
                    tracing::warn!(
                        uid = client.asker.uid,
                        said = refusal.message,
                        "an admin client was refused"
                    );
                    // Whoever is gone already need not hear it.
                    let _gone =
                        tokio::time::timeout(REFUSAL_TIMEOUT, write(&mut stream, &refusal)).await;
                }
            }
        }
    }

    /// The next client, once there is a place for an operator: until he is known, he may be one.
    async fn accept(
        &self,
        operators: &Arc<Semaphore>,
    ) -> io::Result<(UnixStream, OwnedSemaphorePermit)> {
        let place = Arc::clone(operators).acquire_owned().await;
        let place = place.map_err(io::Error::other)?;
        let (stream, _) = self.listener.accept().await?;
        Ok((stream, place))
    }

    fn known(&self, stream: &UnixStream, handler: &impl AdminHandler) -> io::Result<Client> {
        let asker = Operator::of(stream.peer_cred()?.uid());
        let rank = match is_allowed(asker.uid, self.owner) {
            true => Rank::Operator,
            false if handler.is_reviewer(&asker) => Rank::Reviewer,
            false => Rank::Nobody,
        };
        Ok(Client { asker, rank })
    }
}

/// Who is on the other end.
#[derive(Debug)]
struct Client {
    asker: Operator,
    rank: Rank,
}

/// What somebody may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// Everything.
    Operator,
    /// What is held.
    Reviewer,
    Nobody,
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // Nothing is lost if it stays: the next start replaces it.
        let _removed = fs::remove_file(&self.path);
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        let message = format!("{} exists and is no socket; remove it", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        let message = format!("another gateway serves {}; stop it first", path.display());
        return Err(io::Error::new(io::ErrorKind::AddrInUse, message));
    }
    fs::remove_file(path)
}

async fn serve_one<H: AdminHandler>(
    stream: UnixStream,
    client: Client,
    handler: Arc<H>,
    place: OwnedSemaphorePermit,
) {
    if let Err(error) = converse(stream, client, handler, place).await {
        tracing::warn!(%error, "an admin client was not answered");
    }
}

async fn converse<H: AdminHandler>(
    stream: UnixStream,
    client: Client,
    handler: Arc<H>,
    place: OwnedSemaphorePermit,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let line = tokio::time::timeout(LINE_TIMEOUT, read_line(&mut stream)).await??;
    // What a reviewer has begun keeps his place to its end; an operator's must be free for the emergency stop.
    let place = Arc::new(place);
    let its_own = (client.rank != Rank::Operator).then(|| Arc::clone(&place));
    let answer = answer(&line, handler, client, its_own).await;
    let written = tokio::time::timeout(WRITE_TIMEOUT, write(stream.get_mut(), &answer)).await;
    drop(place);
    written?
}

async fn write(stream: &mut UnixStream, answer: &AdminAnswer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

const BROKE_OFF: &str = "it broke off by a defect of the gateway's own; `sluice audit show` and the lists say what came \
    of it; please report this";
const GOES_ON: &str = "it takes longer than two minutes and goes on; `sluice audit show` and the lists say what comes of it";

fn too_many() -> AdminAnswer {
    let message = "too many reviewers ask at the moment; try again";
    AdminAnswer::refused(message, Vec::new())
}

fn not_allowed() -> AdminAnswer {
    AdminAnswer::refused("only the gateway's user and root may ask", Vec::new())
}

async fn answer<H: AdminHandler>(
    line: &[u8],
    handler: Arc<H>,
    client: Client,
    place: Option<Arc<OwnedSemaphorePermit>>,
) -> AdminAnswer {
    let Ok(request) = serde_json::from_slice(line) else {
        let message = "this is no command of this version; use the `sluice` of the running gateway";
        return AdminAnswer::refused(message, Vec::new());
    };
    if client.rank != Rank::Operator && !matches!(request, AdminRequest::Hold { .. }) {
        return not_allowed();
    }
    // What has begun may be in the log already, so it ends whether somebody waits for it or not.
    let done = tokio::spawn(async move {
        let answer = handler.handle(&client.asker, request).await;
        drop(place);
        answer
    });
    match tokio::time::timeout(ANSWER_TIMEOUT, done).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => AdminAnswer::refused(BROKE_OFF, Vec::new()),
        Err(_) => AdminAnswer::refused(GOES_ON, Vec::new()),
    }
}

async fn read_line(stream: &mut BufReader<UnixStream>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    stream
        .take(MAX_LINE_BYTES)
        .read_until(b'\n', &mut line)
        .await?;
    Ok(line)
}

fn is_allowed(asker: u32, owner: u32) -> bool {
    asker == owner || asker == ROOT
}

const ROOT: u32 = 0;

#[cfg(test)]
mod tests;
