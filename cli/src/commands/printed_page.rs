//! The frame of a page that is printed from a browser: it loads nothing, runs nothing, and text in it is text.

use super::plan_print_words::Language;
use crate::output::visible;

/// Text is text on the page, whatever it holds, and stands there in the order it has: who signs the paper
/// signs what is written.
pub fn escaped(text: &str) -> String {
    visible(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// A whole page. Every text that comes from people goes into `body` through [`escaped`].
pub fn framed(language: Language, title: &str, style: &str, body: &str) -> String {
    let language = language.code();
    let title = escaped(title);
    format!(
        r#"<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}</body>
</html>
"#
    )
}
