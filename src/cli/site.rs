//! `guildhall site`: makes sites with an owner key each, and lists them.

use std::process::ExitCode;

use clap::Subcommand;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::operator::{PlaceFlags, ask, unexpected};
use crate::app::admin::{AdminAnswer, AdminRequest};
use crate::domain::SiteId;

#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// Make a site and its owner key, which is shown this once
    Create {
        /// What the list shows it as
        #[arg(value_name = "NAME")]
        name: String,
        /// Its id; a new one is made without it
        #[arg(long, value_name = "UUID")]
        id: Option<SiteId>,
        #[command(flatten)]
        place: PlaceFlags,
    },
    /// List sites
    List {
        #[command(flatten)]
        place: PlaceFlags,
    },
}

pub fn run(command: SiteCommand) -> ExitCode {
    let (place, request) = match command {
        SiteCommand::Create { name, id, place } => (place, AdminRequest::CreateSite { name, id }),
        SiteCommand::List { place } => (place, AdminRequest::ListSites {}),
    };
    match ask(place, request) {
        Ok(answer) => tell(answer),
        Err(code) => code,
    }
}

fn tell(answer: AdminAnswer) -> ExitCode {
    match answer {
        AdminAnswer::SiteCreated { site, owner_key } => {
            eprintln!("created site {}; its owner key is shown only this once", site.name);
            println!("site       {}", site.id);
            println!("owner key  {owner_key}");
        }
        AdminAnswer::Sites { sites } => {
            for site in sites {
                let created = date(site.created_unix_ms);
                println!("{}  {}  created {created}", site.id, site.name);
            }
        }
        AdminAnswer::KeyCreated { .. }
        | AdminAnswer::Keys { .. }
        | AdminAnswer::KeyRevoked { .. }
        | AdminAnswer::Verified { .. }
        | AdminAnswer::Refused { .. } => return unexpected(),
    }
    ExitCode::SUCCESS
}

/// A time as an operator reads it, in UTC.
pub fn date(unix_ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(unix_ms.div_euclid(1_000));
    let text = time.ok().and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| format!("{unix_ms} ms"))
}
