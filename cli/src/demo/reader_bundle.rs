//! What one device of the demo was given, for a second implementation (docs/PROTOCOL.md, "Reader
//! bundle"). The device was made for the demo with a seed the demo drew; a home's own seed is given
//! to nobody.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use nahtlos_protocol::codec;

use super::DemoError;
use super::world::{Who, World, write_private};

/// Its directory, beside the homes.
pub const DIRECTORY: &str = "reader-bundle";

/// Pulls everything that [`Who::READER`]'s device is served, and writes it with the device's seed.
///
/// # Errors
/// [`DemoError`].
pub fn write(world: &mut World) -> Result<PathBuf, DemoError> {
    let directory = world.directory.join(DIRECTORY);
    let home = world.home(Who::READER)?;
    let network = home.nahtlos.identity().network;
    let network = network.ok_or(DemoError::Missing { what: "network" })?;
    home.nahtlos.pull_everything_again()?;
    let items = home.sync_recorded()?;
    let seed = HEXLOWER.encode(world.reader_seed().as_secret().expose());
    fs::create_dir(&directory).map_err(|error| in_file(&directory, error))?;
    let items_file = directory.join("items.cbor");
    fs::write(&items_file, codec::encode(&items)).map_err(|error| in_file(&items_file, error))?;
    write_private(&directory.join("network"), &network.to_string())?;
    write_private(&directory.join("device.seed"), &seed)?;
    Ok(directory)
}

fn in_file(path: &Path, source: std::io::Error) -> DemoError {
    DemoError::File {
        path: path.to_owned(),
        source,
    }
}
