//! The live page: a few files embedded in the binary, served as they are.

use super::call::{Call, Kind, Reply};
use super::error::Problem;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

pub async fn page(_call: Call) -> Result<Reply, Problem> {
    Reply::stateless(Kind::Page(HTML), include_str!("ui/index.html"))
}

pub async fn file(call: Call) -> Result<Reply, Problem> {
    let (content_type, text) = match call.param(0) {
        "app.js" => (SCRIPT, include_str!("ui/app.js")),
        "api.js" => (SCRIPT, include_str!("ui/api.js")),
        "live.js" => (SCRIPT, include_str!("ui/live.js")),
        "log.js" => (SCRIPT, include_str!("ui/log.js")),
        "style.css" => (STYLE, include_str!("ui/style.css")),
        "icon.svg" => (PICTURE, include_str!("ui/icon.svg")),
        _ => return Err(Problem::unknown_route()),
    };
    Reply::stateless(Kind::Page(content_type), text)
}

#[cfg(test)]
mod tests {
    /// The policy forbids them, so a page that had them would be broken in the browser only.
    #[test]
    fn the_page_has_no_inline_script_or_style() {
        let page = include_str!("ui/index.html").to_lowercase();
        assert!(!page.contains("style="));
        assert!(!page.contains("<style"));
        assert!(!page.contains(" on"), "no event handler attributes");
        for tag in page.split("<script").skip(1) {
            assert!(tag.starts_with(" type=\"module\" src="), "{tag}");
        }
        for script in [include_str!("ui/app.js"), include_str!("ui/log.js")] {
            assert!(!script.contains("innerHTML") && !script.contains("insertAdjacentHTML"));
        }
    }
}
