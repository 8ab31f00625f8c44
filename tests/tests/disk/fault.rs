//! What goes wrong on a disk, and when: a small library (`shim.c`) stands between a program and the C
//! library, counts what the program does to the files of one directory, and lets one call fail.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// A kind of call that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `fsync`, `fdatasync`.
    Sync,
    /// `write` and its kin, and a change of a file's length.
    Write,
    /// `rename`, `unlink`.
    Name,
}

impl Call {
    pub const ALL: [Self; 3] = [Self::Sync, Self::Write, Self::Name];

    const fn word(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Write => "write",
            Self::Name => "name",
        }
    }
}

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL before it; what was written before stays.
    Killed,
    /// SIGKILL after half of the write.
    Torn,
    /// The power fails before it: only what was synced stays.
    PowerCut,
    /// It fails with EIO, once.
    Io,
    /// It fails with EIO, and so does all that follows.
    Dying,
    /// It fails with ENOSPC, once.
    NoSpace,
    /// It fails with ENOSPC, and so does all that follows.
    Full,
}

impl Fault {
    /// What can go wrong at a call. Between two syncs a power cut leaves the same, wherever it comes.
    const fn at(call: Call) -> &'static [Self] {
        match call {
            Call::Sync => &[
                Self::Killed,
                Self::PowerCut,
                Self::Io,
                Self::Dying,
                Self::NoSpace,
            ],
            Call::Write => &[
                Self::Killed,
                Self::Torn,
                Self::Io,
                Self::Dying,
                Self::NoSpace,
                Self::Full,
            ],
            Call::Name => &[Self::Killed, Self::PowerCut, Self::Io],
        }
    }

    /// Whether the process ends by it.
    pub const fn kills(self) -> bool {
        matches!(self, Self::Killed | Self::Torn | Self::PowerCut)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Killed | Self::PowerCut => "kill",
            Self::Torn => "torn",
            Self::Io | Self::Dying => "eio",
            Self::NoSpace | Self::Full => "enospc",
        }
    }

    const fn lasts(self) -> bool {
        matches!(self, Self::Dying | Self::Full)
    }
}

/// One point of a run, and what goes wrong there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub call: Call,
    /// Which one, from 1.
    pub number: usize,
    pub fault: Fault,
}

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:?} at {} {}",
            self.fault,
            self.call.word(),
            self.number
        )
    }
}

/// Everything a program did to the files of a directory.
#[derive(Clone, Debug)]
pub struct Log {
    lines: Vec<String>,
}

impl Log {
    /// How many calls of a kind there were.
    pub fn count(&self, call: Call) -> usize {
        let began = |line: &&String| line.split(' ').next() == Some(call.word());
        self.lines.iter().filter(began).count()
    }

    /// Whether the chosen call came.
    pub fn has_failed(&self) -> bool {
        self.lines.iter().any(|line| line.starts_with("fault "))
    }

    /// Every point of a run that was like this one.
    pub fn points(&self) -> Vec<Point> {
        let mut points = Vec::new();
        for call in Call::ALL {
            for number in 1..=self.count(call) {
                let faults = Fault::at(call).iter();
                points.extend(faults.map(|fault| Point {
                    call,
                    number,
                    fault: *fault,
                }));
            }
        }
        points
    }
}

/// The directory that is watched, with what is kept about it.
pub struct Watched {
    root: PathBuf,
    log: PathBuf,
    synced: PathBuf,
}

impl Watched {
    /// Watches `root`; `beside` is an empty directory for what is kept about it.
    pub fn new(root: &Path, beside: &Path) -> Self {
        std::fs::create_dir_all(beside).unwrap();
        Self {
            root: root.canonicalize().unwrap_or_else(|_| root.to_owned()),
            log: beside.join("log"),
            synced: beside.join("synced"),
        }
    }

    /// Makes a program that is about to start meet this fault; none: it is only counted.
    pub fn arm(&self, command: &mut Command, point: Option<Point>) {
        let _none_yet = std::fs::remove_file(&self.log);
        let _none_yet = std::fs::remove_dir_all(&self.synced);
        std::fs::create_dir_all(&self.synced).unwrap();
        if self.root.is_dir() {
            nahtlos_tests::copy_files(&self.root, &self.synced);
        }
        command
            .env("LD_PRELOAD", shim())
            .env("DISK_ROOT", &self.root)
            .env("DISK_LOG", &self.log)
            .env("DISK_SYNCED", &self.synced);
        if let Some(point) = point {
            command
                .env("DISK_CALL", point.call.word())
                .env("DISK_AT", point.number.to_string())
                .env("DISK_FAULT", point.fault.word());
            if point.fault.lasts() {
                command.env("DISK_LASTS", "1");
            }
        }
    }

    /// What the program did.
    pub fn log(&self) -> Log {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        Log {
            lines: text.lines().map(str::to_owned).collect(),
        }
    }

    /// The power fails now: what was not synced is gone.
    pub fn cut_power(&self) {
        std::fs::remove_dir_all(&self.root).unwrap();
        std::fs::create_dir(&self.root).unwrap();
        nahtlos_tests::copy_files(&self.synced, &self.root);
    }
}

/// Which points of a run are taken: all if asked for, else about `most`, another set each time.
pub fn chosen(what: &str, points: Vec<Point>, most: usize) -> Vec<Point> {
    let all = points.len();
    let taken = choose(points, most);
    let mut output = std::io::stdout();
    writeln!(output, "{what}: {} of {all} points", taken.len()).unwrap();
    taken
}

fn choose(points: Vec<Point>, most: usize) -> Vec<Point> {
    if std::env::var_os("NAHTLOS_DISK_FAULTS").is_some_and(|wanted| wanted == "all") {
        return points;
    }
    let every = points.len().div_ceil(most).max(1);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let offset = usize::try_from(since.as_millis()).unwrap() % every;
    points.into_iter().skip(offset).step_by(every).collect()
}

/// The library, built by the C compiler that SQLite is built by.
pub fn shim() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/disk/shim.c");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let partial = target.join(format!("disk-shim-{}.so", std::process::id()));
        let built = Command::new("cc")
            .args([
                "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o",
            ])
            .arg(&partial)
            .args([source, "-ldl", "-lpthread"])
            .output()
            .expect("a C compiler, `cc`, as the README asks for");
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        let library = target.join("disk-shim.so");
        std::fs::rename(partial, &library).unwrap();
        library
    })
}
