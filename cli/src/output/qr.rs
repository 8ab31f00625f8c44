//! A text as a QR code (ISO/IEC 18004), drawn with half blocks for a screen.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use crate::exit::Exit;
use crate::failure::Failure;

/// Draws a text whose letters may be of either case: capitals make a smaller code. Light squares are
/// drawn, for the dark screens of most terminals; cameras read it on a light one, too.
///
/// # Errors
/// Where the text is longer than a code holds.
pub fn draw(text: &str) -> Result<String, Failure> {
    let code = QrCode::with_error_correction_level(text.to_uppercase(), EcLevel::L);
    let code = code.map_err(|error| {
        Failure::new(
            Exit::Failed,
            "qr",
            "The invitation could not be drawn as a QR code.",
            format!("It is too long for one: {error}."),
            "Run the command again without `--qr`, and hand over the text.",
        )
    })?;
    Ok(code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build())
}
