//! Where the data lies. Durability costs nothing in memory, so a memory file system is refused.

use std::path::{Path, PathBuf};

/// Cargo's directory for benches, below its target directory.
pub fn scratch_directory() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// Cargo's target directory.
pub fn target_directory() -> PathBuf {
    let scratch = scratch_directory();
    scratch.parent().map_or(scratch.clone(), Path::to_path_buf)
}

/// The file system a directory is on, from the kernel's list of mounts (proc(5)).
///
/// # Errors
/// In words, where it is held in memory.
pub fn durable_file_system(directory: &Path) -> Result<String, String> {
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mounts") else {
        return Ok("unknown".into());
    };
    let directory = directory
        .canonicalize()
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    let kind = file_system_in(&mounts, &directory).unwrap_or("unknown");
    if matches!(kind, "tmpfs" | "ramfs") {
        return Err(format!(
            "{} is on {kind}, where a durable write costs nothing: set CARGO_TARGET_DIR to a directory on a disk",
            directory.display()
        ));
    }
    Ok(kind.to_owned())
}

/// The mount with the longest path above the directory; of several on one path the last.
fn file_system_in<'a>(mounts: &'a str, directory: &Path) -> Option<&'a str> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (_device, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
            directory.starts_with(point).then_some((point.len(), kind))
        })
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind)
}
