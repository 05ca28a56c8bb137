//! `guildhall key`: a created key goes to stdout alone, so that a script can take it; the rest of
//! what there is to say about it goes to stderr.

use std::process::ExitCode;

use clap::Subcommand;

use super::operator::{PlaceFlags, ask, unexpected};
use super::{EXIT_REFUSED, fail};
use crate::actors::keys::parse_key_id;
use crate::app::admin::{AdminAnswer, AdminRequest, KeyView};
use crate::cli::site::date;
use crate::domain::SiteId;

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key; it is shown this once
    Create {
        /// The site it is for; may be left out while there is only one
        #[arg(long, value_name = "ID")]
        site: Option<SiteId>,
        /// Make a key of this app instead of the owner's
        #[arg(long, value_name = "APP")]
        app: Option<String>,
        /// What the list shows it as
        #[arg(long, value_name = "NAME", default_value = "key")]
        name: String,
        #[command(flatten)]
        place: PlaceFlags,
    },
    /// List keys, also revoked ones; never the keys themselves
    List {
        /// Only those of this site
        #[arg(long, value_name = "ID")]
        site: Option<SiteId>,
        #[command(flatten)]
        place: PlaceFlags,
    },
    /// Make a key useless from now on
    Revoke {
        /// The key's id as the list shows it, or the part of the key before its second underscore
        #[arg(value_name = "KEY-ID")]
        key: String,
        #[command(flatten)]
        place: PlaceFlags,
    },
}

pub fn run(command: KeyCommand) -> ExitCode {
    let (place, request) = match command {
        KeyCommand::Create { site, app, name, place } => {
            (place, AdminRequest::CreateKey { site, app, name })
        }
        KeyCommand::List { site, place } => (place, AdminRequest::ListKeys { site }),
        KeyCommand::Revoke { key, place } => match parse_key_id(&key) {
            Some(key) => (place, AdminRequest::RevokeKey { key }),
            None => return fail(EXIT_REFUSED, &format!("{key:?} is not the id of a key")),
        },
    };
    match ask(place, request) {
        Ok(answer) => tell(answer),
        Err(code) => code,
    }
}

fn tell(answer: AdminAnswer) -> ExitCode {
    match answer {
        AdminAnswer::KeyCreated { key, credential } => {
            eprintln!("created {}", line(&key));
            eprintln!("the key is shown only this once:");
            println!("{credential}");
        }
        AdminAnswer::Keys { keys } => keys.iter().for_each(|key| println!("{}", line(key))),
        AdminAnswer::KeyRevoked { key } => println!("{}", line(&key)),
        AdminAnswer::SiteCreated { .. }
        | AdminAnswer::Sites { .. }
        | AdminAnswer::Verified { .. }
        | AdminAnswer::Refused { .. } => return unexpected(),
    }
    ExitCode::SUCCESS
}

fn line(key: &KeyView) -> String {
    let role = match &key.app {
        None => "owner".to_owned(),
        Some(app) => format!("app {app}"),
    };
    let state = match key.revoked_unix_ms {
        None => "live".to_owned(),
        Some(time) => format!("revoked {}", date(time)),
    };
    let KeyView { id, site, name, last_four, .. } = key;
    let created = date(key.created_unix_ms);
    format!("{id}  ...{last_four}  {state}  {role}  {name}  site {site}  created {created}")
}
