//! One endpoint made ready for delivery: its URL parsed, its patterns read, its secrets opened.

use std::sync::Arc;

use thiserror::Error;

use super::guard::{GuardError, Target};
use super::signature::Secret;
use super::vault::{Vault, VaultError};
use crate::core::event_pattern::{EventFilter, PatternError};
use crate::domain::event::{Endpoint, Event};
use crate::domain::{EndpointId, Timestamp};

/// Why a stored endpoint cannot be delivered to. All were refused when it was saved, so one of
/// these means that the key or the stored bytes changed.
#[derive(Debug, Error)]
pub enum ReceiverError {
    #[error(transparent)]
    Url(#[from] GuardError),
    #[error(transparent)]
    Pattern(#[from] PatternError),
    #[error(transparent)]
    Secret(#[from] VaultError),
}

#[derive(Clone, Debug)]
pub struct Receiver {
    pub id: EndpointId,
    pub target: Arc<Target>,
    pub filter: EventFilter,
    secret: Secret,
    previous: Option<(Secret, Timestamp)>,
}

impl Receiver {
    pub fn open(endpoint: &Endpoint, vault: &Vault) -> Result<Receiver, ReceiverError> {
        let previous = match &endpoint.previous_secret {
            Some((sealed, until)) => Some((vault.open(endpoint.id, sealed)?, *until)),
            None => None,
        };
        Ok(Receiver {
            id: endpoint.id,
            target: Arc::new(Target::parse(&endpoint.url)?),
            filter: EventFilter::parse(&endpoint.event_types)?,
            secret: vault.open(endpoint.id, &endpoint.sealed_secret)?,
            previous,
        })
    }

    /// What signs now: the secret, and the one before it until its time is over.
    pub fn secrets(&self, now: Timestamp) -> Vec<Secret> {
        let mut secrets = vec![self.secret.clone()];
        let previous = self.previous.iter().filter(|(_, until)| now < *until);
        secrets.extend(previous.map(|(secret, _)| secret.clone()));
        secrets
    }
}

/// An endpoint after one more record; `None` where that changes nothing about it.
pub fn followed(endpoint: &Endpoint, change: &EndpointChange<'_>) -> Option<Endpoint> {
    match change {
        EndpointChange::Rotated { sealed_secret, overlap_until, .. }
            if *sealed_secret != endpoint.sealed_secret =>
        {
            let mut rotated = endpoint.clone();
            let before = std::mem::replace(&mut rotated.sealed_secret, sealed_secret.to_vec());
            rotated.previous_secret = Some((before, *overlap_until));
            Some(rotated)
        }
        EndpointChange::Disabled { reason, .. } if endpoint.disabled.is_none() => {
            Some(Endpoint { disabled: Some((*reason).to_owned()), ..endpoint.clone() })
        }
        EndpointChange::Created(_)
        | EndpointChange::Deleted(_)
        | EndpointChange::Rotated { .. }
        | EndpointChange::Disabled { .. } => None,
    }
}

/// What a record says about endpoints.
#[derive(Clone, Copy, Debug)]
pub enum EndpointChange<'a> {
    Created(&'a Arc<Endpoint>),
    Deleted(EndpointId),
    Rotated { endpoint: EndpointId, sealed_secret: &'a [u8], overlap_until: Timestamp },
    Disabled { endpoint: EndpointId, reason: &'a str },
}

impl EndpointChange<'_> {
    pub fn of(event: &Event) -> Option<EndpointChange<'_>> {
        match event {
            Event::EndpointCreated { endpoint } => Some(EndpointChange::Created(endpoint)),
            Event::EndpointDeleted { endpoint } => Some(EndpointChange::Deleted(*endpoint)),
            Event::EndpointSecretRotated { endpoint, sealed_secret, overlap_until } => {
                Some(EndpointChange::Rotated {
                    endpoint: *endpoint,
                    sealed_secret,
                    overlap_until: *overlap_until,
                })
            }
            Event::EndpointDisabled { endpoint, reason } => {
                Some(EndpointChange::Disabled { endpoint: *endpoint, reason })
            }
            Event::MemberCreated { .. }
            | Event::MemberUpdated { .. }
            | Event::FollowCreated { .. }
            | Event::FollowDeleted { .. }
            | Event::ItemCreated { .. }
            | Event::ItemUpdated { .. }
            | Event::ItemLiked { .. }
            | Event::ItemUnliked { .. }
            | Event::CounterUpdated { .. }
            | Event::BadgeCreated { .. }
            | Event::BadgeUpdated { .. }
            | Event::BadgeDeleted { .. }
            | Event::BadgeAssigned { .. }
            | Event::BadgeUnassigned { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(vault: &Vault, secret: &Secret) -> Endpoint {
        let id = EndpointId::from_u128(1);
        Endpoint {
            id,
            url: "https://example.com/hook".to_owned(),
            event_types: vec!["follow.*".to_owned()],
            sealed_secret: vault.seal(id, secret),
            previous_secret: None,
            after_seq: 0,
            created_at: Timestamp::default(),
            disabled: None,
        }
    }

    #[test]
    fn both_secrets_sign_until_the_overlap_is_over() {
        let vault = Vault::from_key([1; 32]);
        let (old, new) = (Secret::generate(), Secret::generate());
        let before = endpoint(&vault, &old);
        let overlap_until = Timestamp::from_unix_ms(1_000);
        let sealed_secret = vault.seal(before.id, &new);
        let event =
            Event::EndpointSecretRotated { endpoint: before.id, sealed_secret, overlap_until };
        let rotation = EndpointChange::of(&event).expect("about an endpoint");
        let after = followed(&before, &rotation).expect("a change");
        assert_eq!(followed(&after, &rotation), None, "told twice changes nothing");
        let receiver = Receiver::open(&after, &vault).expect("good");
        assert_eq!(receiver.secrets(Timestamp::from_unix_ms(999)), [new.clone(), old]);
        assert_eq!(receiver.secrets(overlap_until), [new]);
    }

    #[test]
    fn a_key_that_opens_nothing_is_told() {
        let stored = endpoint(&Vault::from_key([1; 32]), &Secret::generate());
        let opened = Receiver::open(&stored, &Vault::from_key([2; 32]));
        assert!(matches!(opened, Err(ReceiverError::Secret(_))));
    }
}
