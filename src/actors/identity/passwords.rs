//! Passwords as Argon2id keeps them: 19 MiB and two passes for each, which is work. A few at a
//! time, off the arbiters; some wait, more are turned away.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;

use argon2::{Algorithm, Argon2, Params, Version};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::IdentityError;
use crate::domain::limits::PASSWORDS_WAITING_MAX;

const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;

/// What is kept of a password. Stored for ever in this order: fields are only appended.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    memory_kib: u32,
    passes: u32,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hash)")
    }
}

pub struct Passwords {
    working: Arc<Semaphore>,
    /// Those that work and those that wait.
    admitted: Arc<Semaphore>,
    /// Stands in for the password of an account that does not exist.
    decoy: Arc<OnceLock<PasswordHash>>,
}

impl Default for Passwords {
    /// Half of the cores: the other half goes on serving.
    fn default() -> Passwords {
        let cores = available_parallelism().map_or(1, usize::from);
        let at_once = (cores / 2).max(1);
        Passwords {
            working: Arc::new(Semaphore::new(at_once)),
            admitted: Arc::new(Semaphore::new(at_once + PASSWORDS_WAITING_MAX)),
            decoy: Arc::default(),
        }
    }
}

impl Passwords {
    pub async fn hash(&self, password: String) -> Result<PasswordHash, IdentityError> {
        self.work(move || hashed(&password)).await
    }

    /// Takes as long without a stored password as with one.
    pub async fn matches(
        &self,
        password: String,
        stored: Option<PasswordHash>,
    ) -> Result<bool, IdentityError> {
        let decoy = self.decoy.clone();
        self.work(move || match stored {
            Some(stored) => stored.is_of(&password),
            None => {
                decoy.get_or_init(|| hashed("")).is_of(&password);
                false
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, IdentityError> {
        let admitted = self.admitted.try_acquire().map_err(|_| IdentityError::Overloaded)?;
        let working = self.working.clone().acquire_owned().await;
        let working = working.map_err(|_| IdentityError::Overloaded)?;
        let done = tokio::task::spawn_blocking(move || {
            let value = work();
            // Held by the work, not by whoever waits for it: it goes on when they leave.
            drop(working);
            value
        });
        let done = done.await.map_err(|error| IdentityError::Store(error.to_string()));
        drop(admitted);
        done
    }
}

impl PasswordHash {
    fn is_of(&self, password: &str) -> bool {
        digest(password, &self.salt, self.memory_kib, self.passes).ct_eq(&self.hash).into()
    }
}

fn hashed(password: &str) -> PasswordHash {
    let mut salt = [0; 16];
    rand::rng().fill_bytes(&mut salt);
    let hash = digest(password, &salt, MEMORY_KIB, PASSES);
    PasswordHash { memory_kib: MEMORY_KIB, passes: PASSES, salt, hash }
}

fn digest(password: &str, salt: &[u8; 16], memory_kib: u32, passes: u32) -> [u8; 32] {
    let mut hash = [0; 32];
    let params = Params::new(memory_kib, passes, 1, Some(hash.len()));
    let params = params.unwrap_or_else(|error| unreachable!("parameters of ours: {error}"));
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let done = argon2.hash_password_into(password.as_bytes(), salt, &mut hash);
    done.unwrap_or_else(|error| unreachable!("bounded passwords hash: {error}"));
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hash = hashed("correct horse");
        assert!(hash.is_of("correct horse"));
        assert!(!hash.is_of("correct horsf"));
        assert_ne!(hashed("correct horse"), hash, "each has a salt of its own");
    }

    #[test]
    fn a_hash_of_other_costs_is_still_judged() {
        let (salt, password) = ([7; 16], "from before");
        let hash = digest(password, &salt, 64, 1);
        let older = PasswordHash { memory_kib: 64, passes: 1, salt, hash };
        assert!(older.is_of(password));
        assert!(!older.is_of("from after"));
    }

    #[actix_rt::test]
    async fn more_than_may_wait_are_turned_away() {
        let passwords = Passwords::default();
        let offers = (0..PASSWORDS_WAITING_MAX + 64).map(|_| passwords.work(|| ()));
        let answers = futures_util::future::join_all(offers).await;
        assert!(answers.iter().any(Result::is_ok));
        assert!(answers.contains(&Err(IdentityError::Overloaded)));
        assert_eq!(passwords.work(|| 7).await, Ok(7), "and afterwards there is room again");
    }
}
