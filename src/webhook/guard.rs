//! Where deliveries may go. A URL is judged when it is saved, and every address that its name
//! resolves to is judged again for each connection, which then goes to exactly a judged address.
//! Refusals never say what is behind an address.

mod address;
mod lookups;
mod resolver;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use thiserror::Error;
use url::{Host, Url};

use crate::domain::limits;

pub use address::{canonical, is_public};
pub use lookups::Lookups;
pub use resolver::{Resolver, ResolverFuture, SystemResolver};

/// Why a URL is not taken, or not called.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GuardError {
    #[error("the url is longer than {max} bytes", max = limits::ENDPOINT_URL_BYTES_MAX)]
    Length,
    #[error("the url cannot be read")]
    Form,
    #[error("the url must begin with https://")]
    Scheme,
    #[error("the url must not hold a user name or a password")]
    UserInfo,
    #[error("the url must name a host")]
    Host,
    #[error("the port is not allowed")]
    Port,
    #[error("the host name does not resolve")]
    Unresolved,
    #[error("the address is not allowed")]
    Address,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

/// A URL whose form is good. Its addresses are judged apart, each time anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub scheme: Scheme,
    pub host: Host<String>,
    pub port: u16,
    /// What the `Host` header says: the port only where it is not the scheme's own.
    pub authority: String,
    pub path_and_query: String,
}

impl Target {
    /// Parses a URL by the rules that need no look-up.
    pub fn parse(text: &str) -> Result<Target, GuardError> {
        if text.len() > limits::ENDPOINT_URL_BYTES_MAX {
            return Err(GuardError::Length);
        }
        // The parser repairs these silently; what is saved is to read as what is called.
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(GuardError::Form);
        }
        let url = Url::parse(text).map_err(|_| GuardError::Form)?;
        let scheme = scheme_of(&url, text)?;
        let after_scheme = text.split_once("://").map_or("", |(_, rest)| rest);
        let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or("");
        if authority.contains('@') || !url.username().is_empty() || url.password().is_some() {
            return Err(GuardError::UserInfo);
        }
        let host = url.host().ok_or(GuardError::Host)?.to_owned();
        if authority.is_empty() || matches!(&host, Host::Domain(name) if !is_name(name)) {
            return Err(GuardError::Host);
        }
        let port = url.port_or_known_default().filter(|port| *port > 0).ok_or(GuardError::Port)?;
        Ok(Target {
            scheme,
            port,
            authority: authority_of(&url, &host),
            path_and_query: path_of(&url),
            host,
        })
    }

    fn literal(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Ipv4(address) => Some(IpAddr::V4(*address)),
            Host::Ipv6(address) => Some(IpAddr::V6(*address)),
            Host::Domain(_) => None,
        }
    }
}

fn scheme_of(url: &Url, text: &str) -> Result<Scheme, GuardError> {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    match url.scheme() {
        "https" if lower.starts_with("https://") => Ok(Scheme::Https),
        "http" if lower.starts_with("http://") => Ok(Scheme::Http),
        _ => Err(GuardError::Scheme),
    }
}

/// A name that can be looked up: no empty labels but for one trailing dot.
fn is_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let good_label = |label: &str| (1..=63).contains(&label.len());
    name.len() <= 253 && name.split('.').all(good_label)
}

fn authority_of(url: &Url, host: &Host<String>) -> String {
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    }
}

fn path_of(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// Whose judgement it is: what the operator allows beyond the public internet.
#[derive(Clone)]
pub struct Guard {
    allowed_networks: Vec<IpNet>,
    resolver: Arc<dyn Resolver>,
}

impl Guard {
    pub fn new(allowed_networks: Vec<IpNet>, resolver: Arc<dyn Resolver>) -> Guard {
        Guard { allowed_networks, resolver }
    }

    /// Judges a URL that is about to be saved.
    pub async fn check_url(&self, text: &str) -> Result<Target, GuardError> {
        let target = Target::parse(text)?;
        self.addresses(&target).await?;
        Ok(target)
    }

    /// The addresses that may be connected to now. One forbidden address refuses them all, so
    /// that a name cannot smuggle one in among good ones.
    pub async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, GuardError> {
        let found = self.look_up(target).await?;
        if found.is_empty() || found.len() > limits::WEBHOOK_ADDRESSES_PER_NAME_MAX {
            return Err(GuardError::Unresolved);
        }
        for address in &found {
            self.judge(target, canonical(*address))?;
        }
        let to_socket = |address: IpAddr| SocketAddr::new(canonical(address), target.port);
        Ok(found.into_iter().map(to_socket).collect())
    }

    async fn look_up(&self, target: &Target) -> Result<Vec<IpAddr>, GuardError> {
        match (target.literal(), &target.host) {
            (Some(address), _) => Ok(vec![address]),
            (None, Host::Domain(name)) => {
                self.resolver.resolve(name).await.map_err(|_| GuardError::Unresolved)
            }
            (None, Host::Ipv4(_) | Host::Ipv6(_)) => Err(GuardError::Host),
        }
    }

    fn judge(&self, target: &Target, address: IpAddr) -> Result<(), GuardError> {
        if self.allowed_networks.iter().any(|network| network.contains(&address)) {
            return Ok(());
        }
        if !is_public(address) {
            return Err(GuardError::Address);
        }
        match target.scheme {
            Scheme::Http => Err(GuardError::Scheme),
            Scheme::Https if target.port == 443 || target.port >= 8_000 => Ok(()),
            Scheme::Https => Err(GuardError::Port),
        }
    }
}
