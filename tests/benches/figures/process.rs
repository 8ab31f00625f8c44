//! Other processes: the relay, a device and an echo server apart from what measures them, so that
//! each has memory and processor time of its own. They are this very program, started again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nahtlos_relay::{Config, RunningRelay};

/// What makes this program another one.
pub const CHILD: &str = "--child";
/// Clock ticks of a second in `/proc/<pid>/stat` (`USER_HZ`, proc(5)).
const TICKS_PER_S: u32 = 100;

/// A running child. It ends when this is dropped.
pub struct Child {
    process: std::process::Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Child {
    /// Starts it.
    ///
    /// # Panics
    /// Where the machine has no room for a process.
    pub fn start(arguments: &[&str]) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut process = Command::new(program)
            .args(["--bench", CHILD])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let output = BufReader::new(process.stdout.take().expect("a pipe"));
        Self { process, output }
    }

    /// A relay on a directory that no other one serves.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn relay(data: &Path, address: SocketAddr, retention_days: u32) -> Self {
        let data = data.to_str().expect("a path of characters");
        let (address, days) = (address.to_string(), retention_days.to_string());
        let mut child = Self::start(&["relay", data, &address, &days]);
        assert_eq!(child.line(), "ready");
        child
    }

    /// The next line it says.
    ///
    /// # Panics
    /// Where it says nothing any more.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "the other process ended");
        line.trim_end().to_owned()
    }

    /// The most memory it ever had, in bytes.
    pub fn peak_memory_bytes(&self) -> u64 {
        peak_memory_bytes(&self.process.id().to_string())
    }

    /// Processor time it took so far, in all its threads.
    pub fn processor_time(&self) -> Duration {
        processor_time(&self.process.id().to_string())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It waits for the end of its input.
        drop(self.process.stdin.take());
        let _status = self.process.wait();
    }
}

/// The most memory a process ever had (`VmHWM`), in bytes; `self` for this one.
///
/// # Panics
/// Where there is no `/proc`.
pub fn peak_memory_bytes(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kibibytes.expect("a number") * 1024
}

/// Processor time of a process, to a hundredth of a second; `self` for this one.
///
/// # Panics
/// Where there is no `/proc`.
pub fn processor_time(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("Linux");
    // What stands in parentheses may hold anything.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2);
    let ticks: u32 = ticks.filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    Duration::from_secs(1) * ticks / TICKS_PER_S
}

/// Is this another process of the program? Then it does what its arguments say, and ends.
pub fn run_as_child(arguments: &[String]) -> bool {
    let Some(position) = arguments.iter().position(|argument| argument == CHILD) else {
        return false;
    };
    let arguments: Vec<&str> = arguments[position + 1..]
        .iter()
        .map(String::as_str)
        .collect();
    match arguments.as_slice() {
        ["relay", data, address, days] => {
            let mut config = Config::new(*data, address.parse().expect("an address"));
            config.limits.device_burst = 1_000_000;
            config.limits.device_items_per_day_max = u64::MAX;
            config.limits.retention_days = days.parse().expect("a number");
            let _relay = RunningRelay::start(config).expect("the relay starts");
            say("ready");
            wait_for_the_end();
        }
        ["echo"] => crate::echo::serve(),
        ["device", home, url, what] => {
            let said = crate::device::work(Path::new(home), url, what);
            say(&said.to_string());
            wait_for_the_end();
        }
        other => panic!("no such child: {other:?}"),
    }
    true
}

/// Says a line to the process that started this one.
pub fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("somebody listens");
}

/// Waits until whoever started this process lets it go.
pub fn wait_for_the_end() {
    let _end = std::io::stdin().read_to_end(&mut Vec::new());
}
