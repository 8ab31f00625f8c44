//! `nahtlos device`.

use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

pub fn list(context: &Context) -> Result<Answer, Failure> {
    let devices = context.open()?.devices()?;
    let rows = devices
        .iter()
        .map(|line| {
            vec![
                line.fingerprint.clone(),
                line.person.clone(),
                if line.this {
                    "this device".into()
                } else {
                    String::new()
                },
            ]
        })
        .collect();
    let page = Page::default().table(&["device", "person", ""], rows, "No device is known yet.");
    Ok(Answer::new(
        json!({ "devices": json::value(&devices) }),
        page,
    ))
}
