//! What an operator may ask of a server over its admin socket, or of a stopped one's data
//! directory: one request, one answer, each a line of JSON. For whoever may open the directory.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::actors::keys::{KeyRecord, KeyRole};
use crate::actors::registry::{Registry, RegistryError, SiteRecord};
use crate::domain::limits::VERIFY_DIFFERENCES_LISTED_MAX;
use crate::domain::{AppId, KeyId, SiteId};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum AdminRequest {
    /// Without an app it is an owner key; without a site, of the only one.
    CreateKey {
        site: Option<SiteId>,
        app: Option<String>,
        name: String,
    },
    ListKeys {
        site: Option<SiteId>,
    },
    RevokeKey {
        key: KeyId,
    },
    CreateSite {
        name: String,
        id: Option<SiteId>,
    },
    ListSites {},
    /// Without a site, all of them.
    Verify {
        site: Option<SiteId>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum AdminAnswer {
    KeyCreated {
        key: KeyView,
        credential: String,
    },
    Keys {
        keys: Vec<KeyView>,
    },
    KeyRevoked {
        key: KeyView,
    },
    SiteCreated {
        site: SiteView,
        owner_key: String,
    },
    Sites {
        sites: Vec<SiteView>,
    },
    Verified {
        report: VerifyReport,
    },
    /// Nothing was changed.
    Refused {
        detail: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyView {
    pub id: KeyId,
    pub site: SiteId,
    /// `None` for an owner key.
    pub app: Option<String>,
    pub name: String,
    pub created_unix_ms: i64,
    pub last_four: String,
    pub revoked_unix_ms: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteView {
    pub id: SiteId,
    pub name: String,
    pub created_unix_ms: i64,
}

/// What a check of the journal against live state and snapshots came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// What was looked at, one line a site.
    pub checked: Vec<String>,
    /// What differs, one line each; at most as many as a report lists.
    pub differences: Vec<String>,
    /// All differences, the listed ones among them.
    pub differences_total: u64,
}

impl VerifyReport {
    pub fn is_clean(&self) -> bool {
        self.differences_total == 0
    }

    /// Adds a site's differences, as far as there is room to list them.
    pub fn add(&mut self, checked: String, differences: Vec<String>) {
        self.checked.push(checked);
        self.differences_total += differences.len() as u64;
        let room = VERIFY_DIFFERENCES_LISTED_MAX.saturating_sub(self.differences.len());
        self.differences.extend(differences.into_iter().take(room));
    }
}

/// The check itself, of one site or of all.
pub type Verify =
    Arc<dyn Fn(Option<SiteId>) -> BoxFuture<'static, Result<VerifyReport, String>> + Send + Sync>;

/// Who answers admin requests.
#[derive(Clone)]
pub struct Admin {
    pub registry: Registry,
    pub verify: Verify,
}

impl Admin {
    pub async fn answer(&self, request: AdminRequest) -> AdminAnswer {
        match self.attempt(request).await {
            Ok(answer) => answer,
            Err(detail) => AdminAnswer::Refused { detail },
        }
    }

    async fn attempt(&self, request: AdminRequest) -> Result<AdminAnswer, String> {
        match request {
            AdminRequest::CreateKey { site, app, name } => self.create_key(site, app, name).await,
            AdminRequest::ListKeys { site } => self.list_keys(site),
            AdminRequest::RevokeKey { key } => {
                let key = self.registry.revoke_key(key).await.map_err(told)?;
                Ok(AdminAnswer::KeyRevoked { key: KeyView::of(&key) })
            }
            AdminRequest::CreateSite { name, id } => self.create_site(name, id).await,
            AdminRequest::ListSites {} => {
                let sites = self.registry.sites().iter().map(SiteView::of).collect();
                Ok(AdminAnswer::Sites { sites })
            }
            AdminRequest::Verify { site } => {
                let report = (self.verify)(site).await?;
                Ok(AdminAnswer::Verified { report })
            }
        }
    }

    async fn create_key(
        &self,
        site: Option<SiteId>,
        app: Option<String>,
        name: String,
    ) -> Result<AdminAnswer, String> {
        let site = self.named_or_only(site)?;
        let role = match app {
            None => KeyRole::Owner,
            Some(app) => {
                KeyRole::App(AppId::parse(&app).ok_or_else(|| format!("{app:?} is not an app id"))?)
            }
        };
        let (credential, key) = self.registry.create_key(site, role, &name).await.map_err(told)?;
        Ok(AdminAnswer::KeyCreated { key: KeyView::of(&key), credential })
    }

    fn list_keys(&self, site: Option<SiteId>) -> Result<AdminAnswer, String> {
        let sites = self.registry.sites();
        if let Some(site) = site.filter(|site| !sites.iter().any(|known| known.id == *site)) {
            return Err(format!("no site {site}"));
        }
        let wanted = sites.iter().filter(|known| site.is_none_or(|site| known.id == site));
        let keys = wanted.flat_map(|site| self.registry.keys(site.id));
        Ok(AdminAnswer::Keys { keys: keys.map(|key| KeyView::of(&key)).collect() })
    }

    async fn create_site(&self, name: String, id: Option<SiteId>) -> Result<AdminAnswer, String> {
        let site = self.registry.create_site(&name, id).await.map_err(told)?;
        let made = self.registry.create_key(site.id, KeyRole::Owner, "owner").await;
        let (owner_key, _) = made.map_err(told)?;
        Ok(AdminAnswer::SiteCreated { site: SiteView::of(&site), owner_key })
    }

    fn named_or_only(&self, site: Option<SiteId>) -> Result<SiteId, String> {
        let sites = self.registry.sites();
        match (site, sites.as_slice()) {
            (Some(site), _) => Ok(site),
            (None, [only]) => Ok(only.id),
            (None, _) => Err(format!("there are {} sites: name one with --site", sites.len())),
        }
    }
}

fn told(error: RegistryError) -> String {
    error.to_string()
}

impl KeyView {
    pub fn of(key: &KeyRecord) -> KeyView {
        KeyView {
            id: key.id,
            site: key.site,
            app: match &key.role {
                KeyRole::Owner => None,
                KeyRole::App(app) => Some(app.to_string()),
            },
            name: key.name.clone(),
            created_unix_ms: key.created.unix_ms,
            last_four: key.last_four.clone(),
            revoked_unix_ms: key.revoked.map(|time| time.unix_ms),
        }
    }
}

impl SiteView {
    pub fn of(site: &SiteRecord) -> SiteView {
        SiteView { id: site.id, name: site.name.clone(), created_unix_ms: site.created.unix_ms }
    }
}
