//! What the system knows of a process: CPU time and memory.

use std::process::Command;

/// CPU time and memory of some processes together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident now, in KiB.
    pub now_kib: u64,
    /// Most that was ever resident, in KiB.
    pub peak_kib: u64,
}

/// Microseconds of CPU that these processes have used, in user and kernel; in steps of the kernel's clock tick.
#[must_use]
pub fn cpu_micros(pids: &[u32]) -> u64 {
    let ticks: u64 = pids.iter().map(|pid| ticks(*pid)).sum();
    ticks * 1_000_000 / ticks_per_second()
}

/// Nanoseconds of CPU that the calling thread has used.
#[must_use]
pub fn thread_cpu_nanos() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = stat.split(' ').next();
    first.and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

/// Microseconds of CPU that the whole machine was busy, as far as it is told; not idle and not waiting for a disk.
#[must_use]
pub fn machine_cpu_micros() -> u64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = stat.lines().next().unwrap_or_default();
    let fields: Vec<u64> = first
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq
    let busy = [0, 1, 2, 5, 6]
        .iter()
        .filter_map(|at| fields.get(*at))
        .sum::<u64>();
    busy * 1_000_000 / ticks_per_second()
}

/// Cores that this program may use.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Memory of these processes together.
#[must_use]
pub fn memory(pids: &[u32]) -> Memory {
    let mut sum = Memory::default();
    for pid in pids {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        sum.now_kib += kib(&status, "VmRSS:");
        sum.peak_kib += kib(&status, "VmHWM:");
    }
    sum
}

/// Begins a process's peak anew.
///
/// # Panics
/// Where the system does not let it.
pub fn forget_peak(pid: u32) {
    let file = format!("/proc/{pid}/clear_refs");
    super::must(&file, std::fs::write(&file, "5"));
}

/// A process and its children.
#[must_use]
pub fn family(pid: u32) -> Vec<u32> {
    let children =
        std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children
        .split_whitespace()
        .filter_map(|word| word.parse().ok());
    std::iter::once(pid).chain(children).collect()
}

/// Type and device of the filesystem that holds a folder.
#[must_use]
pub fn filesystem(dir: &std::path::Path) -> String {
    let printed = Command::new("df")
        .args(["--output=fstype,source"])
        .arg(dir)
        .output();
    let printed = printed
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    printed.lines().nth(1).map_or_else(
        || "unknown".to_owned(),
        |line| line.split_whitespace().collect::<Vec<_>>().join(" on "),
    )
}

fn kib(status: &str, field: &str) -> u64 {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB"));
    line.and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

/// Fields 14 and 15 of `stat`, counted behind the name, which may hold anything.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace())
        .into_iter()
        .flatten();
    fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}

fn ticks_per_second() -> u64 {
    let printed = Command::new("getconf").arg("CLK_TCK").output();
    let printed = printed
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    printed.trim().parse().unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_uses_cpu_and_memory() {
        let us = [std::process::id()];
        let before = cpu_micros(&us);
        let start = std::time::Instant::now();
        while cpu_micros(&us) == before {
            assert!(
                start.elapsed().as_secs() < 30,
                "no CPU time in half a minute of work"
            );
        }
        let memory = memory(&us);
        assert!(
            memory.now_kib > 0 && memory.peak_kib >= memory.now_kib,
            "{memory:?}"
        );
    }
}
