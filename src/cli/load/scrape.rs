//! What the server tells of itself at `/metrics`, for what cannot be seen from outside.

use super::error::LoadError;
use super::http_client::{HttpConnection, Target};

pub struct Scrape {
    connection: HttpConnection,
    request: Vec<u8>,
}

/// The server at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    pub resident_bytes: f64,
    /// What waits in its memory for sockets that do not take it.
    pub outbox_bytes: f64,
    pub live_sessions: usize,
}

impl Scrape {
    pub async fn open(target: &Target) -> Result<Scrape, LoadError> {
        let connection = HttpConnection::open(target.address).await?;
        Ok(Scrape { connection, request: target.get("/metrics") })
    }

    pub async fn take(&mut self) -> Result<Reading, LoadError> {
        let answer = self.connection.exchange(&self.request).await?.good("/metrics")?;
        let text = String::from_utf8_lossy(answer.body);
        let resident_bytes = value(&text, "process_resident_memory_bytes")
            .ok_or_else(|| LoadError::protocol("/metrics", "does not tell the resident memory"))?;
        // What never happened yet is not listed.
        Ok(Reading {
            resident_bytes,
            outbox_bytes: value(&text, "live_outbox_bytes").unwrap_or(0.0),
            live_sessions: value(&text, "live_sessions_count").unwrap_or(0.0) as usize,
        })
    }
}

/// The value of a metric without labels.
fn value(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    rest.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_whole_name() {
        let text = "# HELP live x\nlive_outbox_bytes_more 1\nlive_outbox_bytes 2048\n";
        assert_eq!(value(text, "live_outbox_bytes"), Some(2_048.0));
        assert_eq!(value(text, "live_outbox"), None);
    }
}
