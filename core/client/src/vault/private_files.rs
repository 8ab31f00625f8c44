//! Directories and files that only their owner may read, whatever the umask.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes the directory with the missing ones above it, all 0700; an existing one becomes 0700.
/// The entry in the directory above is made durable.
pub(super) fn make_private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    restrict_directory(directory)?;
    match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => Ok(()),
    }
}

/// Opens the file for writing and makes it 0600; when it is missing, it is made with that mode, so
/// that it is at no moment readable by others.
pub(super) fn open_private_file(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(file)?;
    restrict_file(file)?;
    Ok(opened)
}

/// Makes a file that must not exist, 0600 from its first moment. A link of that name is not followed.
pub(super) fn make_private_file(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Takes away from others what they may have got by a copy or a restored backup.
pub(super) fn restrict_directory(directory: &Path) -> io::Result<()> {
    set_mode(directory, 0o700)
}

/// As [`restrict_directory`], for a file.
pub(super) fn restrict_file(file: &Path) -> io::Result<()> {
    set_mode(file, 0o600)
}

/// Makes new entries of the directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    // Only Unix lets a directory be opened and synchronised as a file.
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = directory;
    Ok(())
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    if fs::metadata(path)?.mode() & 0o7777 == mode {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}
