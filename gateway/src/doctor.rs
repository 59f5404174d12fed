//! `sluice doctor`: looks at what `check` cannot see from files alone. One line a matter, each ok, warn or fail, and
//! with what is not ok comes the remedy. It changes nothing and sends no event.

use clap::Args;
use serde::Serialize;
use sluice_certs::UnixTime;

use crate::check;
use crate::cli::{ConfigFile, Exit, print_json, tell_failure, tell_mistakes};
use crate::config::Config;

mod disk;
mod homeserver;
mod peer;

/// Arguments of `sluice doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Example: sluice doctor -c /etc/sluice/sluice.toml")]
pub struct DoctorArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// Answer as JSON: {"ok","findings":[{"state","what","detail","remedy"}]}.
    #[arg(long)]
    json: bool,
}

/// How a matter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, but not for ever or not well.
    Warn,
    /// It does not work.
    Fail,
}

/// One matter that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it stands.
    pub state: State,
    /// What was looked at.
    pub what: String,
    /// What was seen.
    pub detail: String,
    /// What to do; empty if nothing.
    pub remedy: String,
}

impl Finding {
    /// As it should be.
    pub fn ok(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            state: State::Ok,
            what: what.into(),
            detail: detail.into(),
            remedy: String::new(),
        }
    }

    /// It works, but.
    pub fn warn(
        what: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Warn,
            what: what.into(),
            detail: detail.into(),
            remedy: remedy.into(),
        }
    }

    /// It does not work.
    pub fn fail(
        what: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Fail,
            what: what.into(),
            detail: detail.into(),
            remedy: remedy.into(),
        }
    }
}

/// Runs `sluice doctor`: exit code 1 if anything fails.
pub fn command(args: &DoctorArgs) -> Exit {
    let config = match args.file.load(args.json) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let now = UnixTime::now();
    let checked = match check::check(&config, now) {
        Ok(checked) => checked,
        Err(mistakes) => return tell_mistakes(&mistakes, args.json),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return tell_failure(
                &format!("no network can be used: {error}; raise the limits of this user"),
                args.json,
            );
        }
    };
    let findings = runtime.block_on(examine(&config, &checked, now));
    tell(&findings, args.json)
}

/// Looks at everything, in the order of the life of a request.
pub async fn examine(config: &Config, checked: &check::Checked, now: UnixTime) -> Vec<Finding> {
    let mut findings: Vec<Finding> = checked
        .notices
        .iter()
        .map(|notice| notice_finding(notice))
        .collect();
    findings.push(disk::clock(now));
    findings.extend(disk::folders(config));
    for server in &config.homeservers {
        findings.push(homeserver::examine(server, now).await);
    }
    for peer in checked.peers.iter() {
        findings.push(peer::examine(&checked.material.border, peer).await);
    }
    findings
}

fn notice_finding(notice: &str) -> Finding {
    let (detail, remedy) = notice.split_once(": ").unwrap_or((notice, ""));
    Finding::warn("configuration", detail, remedy)
}

fn tell(findings: &[Finding], json: bool) -> Exit {
    let failed = findings.iter().any(|finding| finding.state == State::Fail);
    if json {
        print_json(&serde_json::json!({ "ok": !failed, "findings": findings }));
    } else {
        findings.iter().for_each(print);
    }
    if failed { Exit::No } else { Exit::Done }
}

fn print(finding: &Finding) {
    let state = match finding.state {
        State::Ok => "ok  ",
        State::Warn => "warn",
        State::Fail => "fail",
    };
    let remedy = if finding.remedy.is_empty() {
        String::new()
    } else {
        format!("; {}", finding.remedy)
    };
    println!("{state} {}: {}{remedy}", finding.what, finding.detail);
}

#[cfg(test)]
mod tests;
