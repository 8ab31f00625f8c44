//! How an invitation is handed over.

use std::path::PathBuf;

use clap::Args;

/// Where an invitation goes.
#[derive(Clone, Debug, Default, Args)]
pub struct HandingOver {
    /// Write the invitation to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Draw it as a QR code, too: a phone's camera reads the text from the screen
    #[arg(long)]
    pub qr: bool,
}
