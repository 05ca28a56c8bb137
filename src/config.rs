//! What the operator chose: flags over environment over file over default. Every layer is checked,
//! also where a higher one wins. Never opens a data directory, binds an address or starts anything.

use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread;

use ipnet::IpNet;
use serde::Deserialize;
use thiserror::Error;
use tracing_subscriber::EnvFilter;

use crate::domain::SiteId;
use crate::domain::limits::{
    CHECKPOINT_LOG_BYTES_DEFAULT, CHECKPOINT_LOG_BYTES_MIN, DISK_RESERVE_BYTES,
    DISK_RESERVE_BYTES_MIN, MEMBERS_HOT_MAX, WEBHOOK_ALLOW_NETWORKS_MAX, WORKERS_MAX,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    /// Threads that serve connections; 0 means one per core.
    pub workers: usize,
    pub members_hot_max: usize,
    pub webhook_allow_networks: Vec<IpNet>,
    pub log: String,
    /// Growth of a site's log that starts its next checkpoint.
    pub checkpoint_log_bytes_max: usize,
    /// Free bytes of the disk below which changes are refused.
    pub disk_reserve_bytes: u64,
    pub first_start: FirstStart,
}

/// What only the first start of a data directory looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstStart {
    pub owner_key: Option<Secret>,
    pub site: Option<SiteId>,
}

/// A text that no log and no error may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            data_dir: PathBuf::from("./data"),
            workers: 0,
            members_hot_max: MEMBERS_HOT_MAX,
            webhook_allow_networks: Vec::new(),
            log: "warn,raft_engine=error,guildhall=info".to_owned(),
            checkpoint_log_bytes_max: CHECKPOINT_LOG_BYTES_DEFAULT,
            disk_reserve_bytes: DISK_RESERVE_BYTES,
            first_start: FirstStart::default(),
        }
    }
}

/// The flags that `serve` takes. Texts, so that a bad value is answered as every other bad setting.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ConfigFlags {
    /// Address to serve on, such as 127.0.0.1:8080 (port 0 takes any free one)
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Directory that holds everything
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// TOML file with settings; config/guildhall.toml lists them all
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Private networks that webhooks may reach, as CIDRs with commas between
    #[arg(long, value_name = "CIDRS")]
    pub webhook_allow_networks: Option<String>,
}

/// Environment variables by name; the process's own, or a test's.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

pub fn process_environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Each is one line that says where the fault is.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("cannot read {file}: {reason}")]
    Unreadable { file: String, reason: std::io::Error },
    #[error("{file}:{line}: {detail}")]
    Malformed { file: String, line: usize, detail: String },
    #[error("{origin}: {detail}")]
    BadValue { origin: String, detail: String },
}

impl ConfigError {
    fn bad(origin: &str, detail: impl Into<String>) -> Self {
        ConfigError::BadValue { origin: origin.to_owned(), detail: detail.into() }
    }
}

/// The file as it is written. Its keys are the fields of [`Config`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    listen: Option<String>,
    data_dir: Option<PathBuf>,
    workers: Option<usize>,
    members_hot_max: Option<usize>,
    webhook_allow_networks: Option<Vec<String>>,
    log: Option<String>,
    #[serde(default)]
    checkpoint: CheckpointTable,
    #[serde(default)]
    disk: DiskTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointTable {
    log_bytes_max: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DiskTable {
    reserve_bytes: Option<u64>,
}

impl Config {
    pub fn load(flags: &ConfigFlags, environment: Environment) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        if let Some(file) = &flags.config {
            config.apply_file(file)?;
        }
        config.apply_environment(environment)?;
        config.apply_flags(flags)?;
        Ok(config)
    }

    /// Threads of each kind: those that serve connections, and those that run sites.
    pub fn worker_count(&self) -> usize {
        match self.workers {
            0 => thread::available_parallelism().map_or(1, usize::from),
            count => count,
        }
    }

    fn apply_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|reason| ConfigError::Unreadable { file: name.clone(), reason })?;
        self.apply_text(&name, &text)
    }

    fn apply_text(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let file: ConfigFile =
            toml::from_str(text).map_err(|error| malformed(name, text, &error))?;
        let origin = |key: &str| format!("{name}: {key}");
        if let Some(listen) = &file.listen {
            self.listen = parse_listen(&origin("listen"), listen)?;
        }
        if let Some(data_dir) = file.data_dir {
            self.data_dir = parse_data_dir(&origin("data_dir"), data_dir)?;
        }
        if let Some(workers) = file.workers {
            self.workers = within(&origin("workers"), workers, 0, WORKERS_MAX)?;
        }
        if let Some(count) = file.members_hot_max {
            self.members_hot_max = within(&origin("members_hot_max"), count, 1, usize::MAX)?;
        }
        if let Some(networks) = &file.webhook_allow_networks {
            let texts = networks.iter().map(String::as_str);
            self.webhook_allow_networks = parse_networks(&origin("webhook_allow_networks"), texts)?;
        }
        if let Some(log) = file.log {
            self.log = parse_log(&origin("log"), log)?;
        }
        if let Some(bytes) = file.checkpoint.log_bytes_max {
            let origin = origin("checkpoint.log_bytes_max");
            self.checkpoint_log_bytes_max =
                within(&origin, bytes, CHECKPOINT_LOG_BYTES_MIN, usize::MAX)?;
        }
        if let Some(bytes) = file.disk.reserve_bytes {
            let origin = origin("disk.reserve_bytes");
            self.disk_reserve_bytes = within(&origin, bytes, DISK_RESERVE_BYTES_MIN, u64::MAX)?;
        }
        Ok(())
    }

    fn apply_environment(&mut self, environment: Environment) -> Result<(), ConfigError> {
        if let Some(listen) = variable(environment, "GUILDHALL_LISTEN")? {
            self.listen = parse_listen("GUILDHALL_LISTEN", &listen)?;
        }
        if let Some(data_dir) = variable(environment, "GUILDHALL_DATA_DIR")? {
            self.data_dir = parse_data_dir("GUILDHALL_DATA_DIR", data_dir.into())?;
        }
        if let Some(networks) = variable(environment, "GUILDHALL_WEBHOOK_ALLOW_NETWORKS")? {
            let texts = networks.split(',');
            self.webhook_allow_networks =
                parse_networks("GUILDHALL_WEBHOOK_ALLOW_NETWORKS", texts)?;
        }
        if let Some(log) = variable(environment, "GUILDHALL_LOG")? {
            self.log = parse_log("GUILDHALL_LOG", log)?;
        }
        if let Some(key) = variable(environment, "GUILDHALL_OWNER_KEY")? {
            self.first_start.owner_key = Some(parse_owner_key("GUILDHALL_OWNER_KEY", key)?);
        }
        if let Some(site) = variable(environment, "GUILDHALL_SITE_ID")? {
            let id = site.parse().map_err(|_| {
                ConfigError::bad("GUILDHALL_SITE_ID", format!("{site:?} is not a UUID"))
            })?;
            self.first_start.site = Some(id);
        }
        Ok(())
    }

    fn apply_flags(&mut self, flags: &ConfigFlags) -> Result<(), ConfigError> {
        if let Some(listen) = &flags.listen {
            self.listen = parse_listen("--listen", listen)?;
        }
        if let Some(data_dir) = &flags.data_dir {
            self.data_dir = parse_data_dir("--data-dir", data_dir.clone())?;
        }
        if let Some(networks) = &flags.webhook_allow_networks {
            self.webhook_allow_networks =
                parse_networks("--webhook-allow-networks", networks.split(','))?;
        }
        Ok(())
    }
}

fn malformed(name: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = 1 + text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
    let detail = error.message().replace('\n', ", ");
    ConfigError::Malformed { file: name.to_owned(), line, detail }
}

/// An empty variable counts as not set: that is how a compose file says "none".
fn variable(environment: Environment, name: &str) -> Result<Option<String>, ConfigError> {
    match environment(name).filter(|value| !value.is_empty()).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => Err(ConfigError::bad(name, "the value is not UTF-8")),
    }
}

fn parse_listen(origin: &str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| {
        let detail = format!("{text:?} is not an IP address with a port, like 127.0.0.1:8080");
        ConfigError::bad(origin, detail)
    })
}

fn parse_data_dir(origin: &str, path: PathBuf) -> Result<PathBuf, ConfigError> {
    if path.as_os_str().is_empty() {
        return Err(ConfigError::bad(origin, "the path is empty"));
    }
    Ok(path)
}

fn within<T>(origin: &str, value: T, least: T, most: T) -> Result<T, ConfigError>
where
    T: PartialOrd + fmt::Display,
{
    if value < least {
        return Err(ConfigError::bad(origin, format!("{value} is below the least, {least}")));
    }
    if value > most {
        return Err(ConfigError::bad(origin, format!("{value} is above the most, {most}")));
    }
    Ok(value)
}

fn parse_networks<'a>(
    origin: &str,
    texts: impl Iterator<Item = &'a str>,
) -> Result<Vec<IpNet>, ConfigError> {
    let mut networks = Vec::new();
    for text in texts.map(str::trim).filter(|text| !text.is_empty()) {
        let network: IpNet = text.parse().map_err(|_| {
            ConfigError::bad(origin, format!("{text:?} is not a network like 10.0.0.0/8"))
        })?;
        networks.push(network.trunc());
    }
    within(origin, networks.len(), 0, WEBHOOK_ALLOW_NETWORKS_MAX)?;
    Ok(networks)
}

fn parse_log(origin: &str, text: String) -> Result<String, ConfigError> {
    match EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(ConfigError::bad(origin, format!("{text:?} is not a log filter like info"))),
    }
}

/// Says nothing of the key itself: it may end up in a log.
fn parse_owner_key(origin: &str, text: String) -> Result<Secret, ConfigError> {
    match crate::actors::keys::check_chosen_key(&text) {
        Ok(()) => Ok(Secret(text)),
        Err(fault) => Err(ConfigError::bad(origin, fault.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../config/guildhall.toml");

    fn load(file: &str, environment: &[(&str, &str)], flags: ConfigFlags) -> String {
        let mut config = Config::default();
        let lookup = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let applied = config
            .apply_text("g.toml", file)
            .and_then(|()| config.apply_environment(&lookup))
            .and_then(|()| config.apply_flags(&flags));
        match applied {
            Ok(()) => config.listen.to_string(),
            Err(error) => error.to_string(),
        }
    }

    fn listen_flag(text: &str) -> ConfigFlags {
        ConfigFlags { listen: Some(text.to_owned()), ..ConfigFlags::default() }
    }

    #[test]
    fn the_shipped_file_is_the_defaults_and_names_every_key() {
        let mut config = Config { log: "error".to_owned(), ..Config::default() };
        config.apply_text("shipped", SHIPPED).unwrap();
        assert_eq!(config, Config::default());
        let file: ConfigFile = toml::from_str(SHIPPED).unwrap();
        let shown = format!("{file:?}");
        assert!(!shown.contains("None"), "a key is missing: {shown}");
    }

    #[test]
    fn every_key_of_the_shipped_file_has_a_comment_above_it() {
        let mut before = "";
        for line in SHIPPED.lines() {
            if line.contains(" = ") && !line.starts_with('#') {
                assert!(before.starts_with('#'), "no comment above: {line}");
            }
            before = line;
        }
    }

    #[test]
    fn flags_win_over_environment_over_file_over_default() {
        let file = "listen = '1.1.1.1:1'";
        let environment = [("GUILDHALL_LISTEN", "2.2.2.2:2")];
        assert_eq!(load("", &[], ConfigFlags::default()), "127.0.0.1:8080");
        assert_eq!(load(file, &[], ConfigFlags::default()), "1.1.1.1:1");
        assert_eq!(load(file, &environment, ConfigFlags::default()), "2.2.2.2:2");
        assert_eq!(load(file, &environment, listen_flag("3.3.3.3:3")), "3.3.3.3:3");
    }

    #[test]
    fn a_fault_is_one_line_that_names_its_place() {
        let none = ConfigFlags::default;
        let unknown = load("\nlisten = '1.1.1.1:1'\nlisten_on = 3", &[], none());
        assert!(unknown.starts_with("g.toml:3: unknown field `listen_on`"), "{unknown}");
        let wrong_type = load("workers = 'two'", &[], none());
        assert!(wrong_type.starts_with("g.toml:1: invalid type: string"), "{wrong_type}");
        assert!(!load("listen = [", &[], none()).contains('\n'));
        assert_eq!(
            load("members_hot_max = 0", &[], none()),
            "g.toml: members_hot_max: 0 is below the least, 1"
        );
        assert_eq!(
            load("[disk]\nreserve_bytes = 268435455", &[], none()),
            "g.toml: disk.reserve_bytes: 268435455 is below the least, 268435456"
        );
        assert_eq!(
            load("", &[], listen_flag("localhost")),
            "--listen: \"localhost\" is not an IP address with a port, like 127.0.0.1:8080"
        );
        assert_eq!(
            load("", &[("GUILDHALL_SITE_ID", "home")], none()),
            "GUILDHALL_SITE_ID: \"home\" is not a UUID"
        );
        assert_eq!(
            load("", &[("GUILDHALL_WEBHOOK_ALLOW_NETWORKS", "10.0.0.0/8, 10")], none()),
            "GUILDHALL_WEBHOOK_ALLOW_NETWORKS: \"10\" is not a network like 10.0.0.0/8"
        );
        assert_eq!(
            load("log = 'loud=very'", &[], none()),
            "g.toml: log: \"loud=very\" is not a log filter like info"
        );
    }

    #[test]
    fn a_bad_owner_key_is_refused_without_being_shown() {
        let message = load("", &[("GUILDHALL_OWNER_KEY", "hunter2")], ConfigFlags::default());
        assert_eq!(message, "GUILDHALL_OWNER_KEY: the key has fewer than 20 characters");
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "(secret)");
    }

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let empty = [("GUILDHALL_LISTEN", ""), ("GUILDHALL_OWNER_KEY", "")];
        assert_eq!(load("", &empty, ConfigFlags::default()), "127.0.0.1:8080");
    }
}
