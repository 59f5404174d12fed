//! Child processes that never outlive us.
//!
//! Every child runs in a process group of its own, so that Ctrl-C at a terminal reaches only us and we stop the children
//! in order. Should we ourselves be killed, nothing of ours would run any more; therefore one watcher, a few lines of
//! `sh`, holds the other end of a pipe. When the pipe closes, for whatever reason, it stops every child that is still
//! listed and removes the listed folders. `PR_SET_PDEATHSIG` was rejected: it fires when the spawning *thread* ends, and
//! needs unsafe code.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::error::DemoError;

/// A child in a process group of its own, killed when dropped, also when we die.
#[derive(Debug)]
pub struct Supervised {
    name: String,
    child: Child,
    running: bool,
}

impl Supervised {
    /// Starts `command`. `name` is used in error messages.
    ///
    /// # Errors
    /// When the watcher or the program cannot be started.
    pub fn start(name: &str, command: &mut Command) -> Result<Self, DemoError> {
        let fail = |source| DemoError::Io {
            what: format!("cannot start {name}"),
            source,
        };
        watch("ready", "-")?;
        let child = command.process_group(0).spawn().map_err(fail)?;
        watch("child", &child.id().to_string())?;
        Ok(Self {
            name: name.to_owned(),
            child,
            running: true,
        })
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The child itself, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The exit status if the process has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().ok().flatten();
        if status.is_some() {
            self.forget();
        }
        status
    }

    /// Asks the process to end (SIGTERM) and waits; kills it after [`STOP_WITHIN`].
    ///
    /// # Errors
    /// [`DemoError::Late`] when it had to be killed.
    pub fn stop(&mut self) -> Result<Option<ExitStatus>, DemoError> {
        if !self.running {
            return Ok(None);
        }
        self.signal(Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < STOP_WITHIN {
            if let Some(status) = self.ended() {
                return Ok(Some(status));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        Err(DemoError::Late {
            what: format!("the end of {}", self.name),
            seconds: STOP_WITHIN.as_secs_f64(),
        })
    }

    /// SIGKILL, at once, to the whole group.
    pub fn kill(&mut self) {
        if self.running {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
            self.forget();
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }

    fn forget(&mut self) {
        self.running = false;
        let _ = watch("gone", &self.child.id().to_string());
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How long a child may take to end after SIGTERM.
pub const STOP_WITHIN: Duration = Duration::from_secs(15);

/// Lists a folder that is removed when this process ends, however it ends.
///
/// # Errors
/// When the watcher cannot be started.
pub fn remove_at_end(folder: &Path) -> Result<(), DemoError> {
    watch("folder", &folder.display().to_string())
}

/// Stops every listed child, removes every listed folder, and returns when that is done. For the way out after a signal.
pub fn stop_everything() {
    let Some(watcher) = WATCHER.get() else { return };
    let taken = watcher
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some((mut process, pipe)) = taken {
        drop(pipe);
        let _ = process.wait();
    }
}

/// One line to the watcher: what, and which.
fn watch(what: &str, which: &str) -> Result<(), DemoError> {
    let fail = |source| DemoError::Io {
        what: "cannot start the watcher (sh)".to_owned(),
        source,
    };
    let watcher = WATCHER.get_or_init(|| Mutex::new(spawn_watcher().ok()));
    let mut watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((_, pipe)) = watcher.as_mut() else {
        return Err(DemoError::Setup(
            "no process can be started now: `sh` is missing, or the demo is ending".to_owned(),
        ));
    };
    writeln!(pipe, "{what} {which}").map_err(fail)
}

fn spawn_watcher() -> std::io::Result<(Child, ChildStdin)> {
    let mut child = Command::new("sh")
        .args(["-c", WATCHER_SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    match child.stdin.take() {
        Some(pipe) => Ok((child, pipe)),
        None => Err(std::io::Error::other("no pipe to sh")),
    }
}

static WATCHER: OnceLock<Mutex<Option<(Child, ChildStdin)>>> = OnceLock::new();

/// `kill -s`: with `-TERM`, dash takes `--` for a number.
/// Reads `child PID`, `gone PID` and `folder PATH`; at the end of input SIGTERM, five seconds, SIGKILL, rm.
/// A child of ours that we have not waited for stays a zombie while we live, hence the look at its state.
const WATCHER_SCRIPT: &str = r#"
trap '' INT TERM HUP
pids=" "
folders=""
while read -r what which; do
  case "$what" in
    child) pids="$pids$which " ;;
    gone) pids="${pids%% "$which" *} ${pids#* "$which" }" ;;
    folder) folders="$folders$which
" ;;
  esac
done
alive() {
  command -v ps >/dev/null || { kill -0 "$1" 2>/dev/null; return; }
  case "$(ps -o stat= -p "$1")" in ''|Z*) return 1 ;; *) return 0 ;; esac
}
for pid in $pids; do kill -s TERM -- "-$pid"; done
tries=50
for pid in $pids; do
  while alive "$pid" && [ "$tries" -gt 0 ]; do tries=$((tries - 1)); sleep 0.1; done
done
for pid in $pids; do kill -s KILL -- "-$pid"; done
printf '%s' "$folders" | while read -r folder; do rm -rf -- "$folder"; done
"#;
